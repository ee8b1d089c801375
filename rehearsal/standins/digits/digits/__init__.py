"""A stand-in for DIGITS, for rehearsals: see README.md."""

__version__ = "6.1.1"
