"""Where the files are that come with the code and are no modules: templates, documents, what was seen on cards."""

from __future__ import annotations

from pathlib import Path

_ABOVE = Path(__file__).parents[2]
_WHEEL = _ABOVE / "gpurig" / "files"
"""Where a wheel puts them, as pyproject.toml says: beside `provision` lie the packages of others there."""
INSTALLED = _WHEEL.is_dir()
"""Whether this is no checkout."""
FILES = _WHEEL if INSTALLED else _ABOVE
"""The folder that they are in; of a checkout the checkout itself."""
