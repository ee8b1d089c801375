"""What goes wrong in the rehearsal cloud, with one root for all of it."""

from __future__ import annotations


class RehearsalError(Exception):
    """A rehearsal could not do what was asked; the message is one line and says what would help."""


class CannotBoot(RehearsalError):
    """This machine cannot run boxes, or could not start one of them."""
