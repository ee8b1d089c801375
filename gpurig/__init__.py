"""gpurig as it is installed: its version, its two programs, and how a project is made."""

__version__ = "0.1.0"
"""The one place that says it: the wheel takes it from here, and the changelog's top heading is held to it."""
