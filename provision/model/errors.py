"""Every error that gpurig raises on purpose. One root; the exit code is the class's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class GpurigError(Exception):
    """Something went wrong and the user can act on it: what happened, to what, and what to do next."""

    exit_code = 1

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        """Return the message with the way out on lines of its own, indented."""
        return "\n       ".join([*self.what.splitlines(), *self.hint.splitlines()])


class BadInput(GpurigError):
    """A setting, file or argument is wrong. Carries every problem found, not the first one only."""

    exit_code = 2

    def __init__(self, problems: Iterable[str], *, hint: str = "") -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems), hint=hint)


class NotHere(BadInput):
    """What was named is not on this host; where several were asked and another has it, that is no error."""


class NoHosts(GpurigError):
    """There is nothing to work on: no stack, no outputs, no host given."""

    exit_code = 3


class Unreachable(GpurigError):
    """The host did not answer, or refused the key."""

    exit_code = 4


class UntrustedHost(GpurigError):
    """The host's key is unknown, or is not the one that was pinned."""

    exit_code = 5


class StepFailed(GpurigError):
    """A step of a bundle failed on the host; the last lines of its log are in the message."""

    exit_code = 6


class RunInterrupted(GpurigError):
    """The run on the host ended without a result (killed, power cut). Nothing half-done counts as done."""

    exit_code = 7


class RunFailed(GpurigError):
    """What ran on a host ended with an exit code of its own, which becomes the program's."""

    def __init__(self, what: str, code: int, *, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.exit_code = code
