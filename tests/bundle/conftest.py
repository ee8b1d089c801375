"""Fixtures of the bundle's tests: a host in a folder, for what boots into a bundle."""

from tests.kit.host import lab, templates

__all__ = ["lab", "templates"]
