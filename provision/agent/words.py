"""The words of the wire: kinds of events, states of steps and runs; and of kept builds, which both sides name."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Iterable


class Word(str, Enum):
    """A word that is a plain string in JSON and in texts, whatever Python writes it."""

    __str__ = str.__str__

    def __format__(self, spec: str) -> str:
        return str.__format__(self, spec)


class Kind(Word):
    """What an event tells. `wire` has the fields of each."""

    SEND = "send"
    ALIVE = "alive"
    LOG = "log"
    REFUSED = "refused"
    # of a setup
    STARTED = "started"
    JOINED = "joined"
    WAITING = "waiting"
    UNCHANGED = "unchanged"
    START = "start"
    STEP = "step"
    REBOOT = "reboot"
    READY = "ready"
    FAILED = "failed"
    LOST = "lost"
    # answers
    PLAN = "plan"
    STATUS = "status"
    FACTS = "facts"
    OVERVIEW = "overview"
    JOURNAL = "journal"
    TAIL = "tail"
    GUARD = "guard"
    SAID = "said"
    RUN = "run"
    RUNS = "runs"
    ENDED = "ended"
    FILE = "file"
    TREE = "tree"
    ARRIVED = "arrived"
    BEGUN = "begun"
    DONE = "done"
    VOLUME = "volume"
    RELEASED = "released"
    COPYING = "copying"
    RESTORED = "restored"
    NOTICE = "notice"
    SAMPLE = "sample"
    OFFER = "offer"
    SEALED = "sealed"
    WANTED = "wanted"
    SHARED = "shared"


ENDINGS = (Kind.READY, Kind.FAILED, Kind.REBOOT)
"""Events of the journal after which nothing runs."""


class StepState(Word):
    """How a step is. What `plan` answers: the first seven."""

    PRESENT = "present"
    FOUND = "found"
    """There, and not by us."""
    FITTING = "fitting"
    """There by the same recipe under other settings, and it verifies under these."""
    CHANGED = "changed"
    MISSING = "missing"
    BROKEN = "broken"
    INTERRUPTED = "interrupted"
    CHECKING = "checking"
    INSTALLING = "installing"
    INSTALLED = "installed"
    FAILED = "failed"


class Kept(Word):
    """How much of a step came from the job volume."""

    NOTHING = ""
    BUILT = "built"
    LENT = "lent"
    """The same, and the job volume had it from a bucket."""
    FULL = "full"
    """Nothing, and there is no room to keep all of it there."""


class RunState(Word):
    """How a run is."""

    RUNNING = "running"
    DONE = "done"
    """Exit code 0."""
    FAILED = "failed"
    STOPPED = "stopped"
    """By `fab cancel`."""
    INTERRUPTED = "interrupted"
    """Asked to end because EC2 takes the box."""
    LOST = "lost"
    """Killed from outside, or with the box."""


SIGNED_FOR = "kept@gpurig"
"""The namespace of signatures of kept builds: one that was made for anything else does not count."""
BUILDER = "builder"
"""Whoever signs them, as a file of allowed signers calls him."""
KEPT_KINDS = ("built", "packages")
"""What is kept of a step: the folders that its recipe names, and what apt downloaded."""


def kept_name(step: str, kind: str, key: str) -> str:
    """Return the name of a kept build."""
    return f"{step}-{kind}-{key[:24]}"


def builders(keys: Iterable[str]) -> str:
    """Return the file of allowed signers by which these public keys count for kept builds, and for nothing else."""
    return "".join(f'{BUILDER} namespaces="{SIGNED_FOR}" {key}\n' for key in keys)


def kept_message(name: str, digest: str) -> str:
    """Return what is signed: that this build, by this name, has an index of this SHA-256."""
    return f"{name} {digest}\n"
