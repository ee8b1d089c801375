"""What the engine refuses or fails at, each with the exit code that Pulumi gives it."""

from __future__ import annotations

from rehearsal.errors import RehearsalError


class EngineError(RehearsalError):
    """A command cannot be done; the message is shown after ``error:``."""

    exit_code = 1


class UsageError(EngineError):
    """The command was called in a way that cannot go on without a person."""

    exit_code = 2


class StackNotFound(EngineError):
    """There is no stack of that name."""

    exit_code = 6


class ChangesFound(EngineError):
    """`--expect-no-changes` was given, and there are changes."""

    exit_code = 7


class Unsupported(EngineError):
    """Pulumi has this, the stand-in does not."""

    def __init__(self, what: str) -> None:
        super().__init__(f"this stand-in engine does not do {what}; install the Pulumi CLI")


class UpdateFailed(EngineError):
    """The update failed; what went wrong was shown under Diagnostics, so there is no message."""


class Stopped(EngineError):
    """No new step begins: an earlier one failed, or the user interrupted."""


class ProviderError(EngineError):
    """A provider plugin refused or failed a call."""


class Cancelled(EngineError):
    """The user interrupted; what ran has ended, and the state is complete."""
