"""Events of every answer, and those of a setup: with `at` in the journal, with `offset` too where they are told."""

from typing import Dict, List, Literal, Optional, TypedDict, Union

from provision.agent.wire.documents import Mark
from provision.agent.wire.kept import Offer, Wanted
from provision.agent.words import Kept, Kind, StepState


class Send(TypedDict):
    """The box asks for what it lacks: the request, and the program where `agent` says so."""

    event: Literal[Kind.SEND]
    agent: bool


class Alive(TypedDict):
    """A sign of life."""

    event: Literal[Kind.ALIVE]


class _Log(TypedDict):
    event: Literal[Kind.LOG]
    step: str
    """Step or run; "" for a line that is no event."""
    line: str


class Log(_Log, total=False):
    """A line of a log."""

    position: int
    """In the log, after the line."""


class Refused(TypedDict):
    """The request cannot be met."""

    event: Literal[Kind.REFUSED]
    problem: str
    hint: str
    missing: bool
    """Whether what was named is just not on this box."""


class Started(TypedDict):
    """A setup begins."""

    event: Literal[Kind.STARTED]
    run: str
    offset: int
    steps: Dict[str, StepState]


class Joined(TypedDict):
    """The same setup runs already, or another one that has to end first."""

    event: Literal[Kind.JOINED, Kind.WAITING]
    run: str
    name: str


class Unchanged(TypedDict):
    """All is there."""

    event: Literal[Kind.UNCHANGED]
    steps: Dict[str, StepState]
    since: float


class _Recorded(TypedDict, total=False):
    at: float
    offset: int
    """In the journal, after the event."""


class Start(_Recorded):
    """A setup begins, or goes on after a boot."""

    event: Literal[Kind.START]
    run: str
    name: str
    steps: List[str]


class _StepEvent(_Recorded, total=False):
    was: StepState
    notes: List[str]
    seconds: float
    kept: Kept
    why: str


class StepEvent(_StepEvent):
    """A step has another state: `was` and `notes` come with INSTALLING, `seconds` at its end, `kept` with INSTALLED.

    `why` comes with FAILED, which the setup ends with once the steps beside it have ended.
    """

    event: Literal[Kind.STEP]
    run: str
    step: str
    state: StepState


class Reboot(_Recorded):
    """The box restarts, and goes on after it."""

    event: Literal[Kind.REBOOT]
    run: str
    step: str


class Ready(_Recorded):
    """All steps have verified."""

    event: Literal[Kind.READY]
    run: str
    name: str


class _Failed(_Recorded, total=False):
    left: Dict[str, str]
    """Step → why it is not done either: it failed after that one, or needs one that did."""
    before: Optional[Mark]
    """Of the step, where it was done before: what was there then stays in use."""


class Failed(_Failed):
    """A step failed, or the setup itself (step "")."""

    event: Literal[Kind.FAILED]
    run: str
    step: str
    why: str
    log: str
    """Path of the whole log."""
    tail: List[str]
    """Its last lines."""
    undo: str
    """How to take off by hand what it did; "" where it did nothing, or where what was there before would go too."""


class Lost(TypedDict):
    """The setup was killed."""

    event: Literal[Kind.LOST]
    run: str
    steps: List[str]
    """Those that were being installed."""


class Notice(_Recorded):
    """EC2 recommends to leave the box, is going to take it, or all has been let go of for that."""

    event: Literal[Kind.NOTICE]
    what: Literal["rebalance", "taken", "left"]
    ends: float
    """When EC2 takes the box, in seconds of UTC; 0 for a recommendation."""
    why: str
    """Of "left": what went wrong with it."""


Recorded = Union[Start, StepEvent, Reboot, Ready, Failed]
"""What the journal holds, a line each."""
Told = Union[Send, Alive, Log, Refused, Started, Joined, Unchanged, Recorded, Offer, Wanted, Lost]
"""What a client is told beside answers."""
