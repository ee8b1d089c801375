"""Fixtures of the bundle's tests: those of the agent's."""

from tests.agent.conftest import lab, templates

__all__ = ["lab", "templates"]
