"""Documents inside requests and events, and on the box's disk."""

from typing import Dict, List, Optional, TypedDict

from provision.agent.words import RunState, StepState


class FileRow(TypedDict):
    """A file that a step puts on the box."""

    path: str
    mode: str
    """Octal."""
    content: str


class Step(TypedDict):
    """A step of a bundle, as `provision.bundle.step.Step` has it, and its digest."""

    name: str
    version: str
    install: str
    verify: str
    files: List[FileRow]
    env: Dict[str, str]
    timeout: int
    """Seconds."""
    disk_gib: float
    reboot: bool
    undo: str
    notes: List[str]
    keeps: List[str]
    key: str
    digest: str


class KeptAbout(TypedDict):
    """Where builds of a bundle's steps are kept."""

    mount: str
    volume: str


class Graph(TypedDict):
    """What the steps of a bundle wait for, so that all else can go at once."""

    needs: Dict[str, List[str]]
    """Step → all the steps that have to be done before it."""
    builds: List[str]
    """Steps that take every core and the memory to go with them."""


class _Bundle(TypedDict):
    name: str
    steps: List[Step]
    lib: str
    digest: str


class Bundle(_Bundle, total=False):
    """All that a setup does."""

    kept: KeptAbout
    graph: Graph
    """Without it the steps go one after the other."""


class Pending(TypedDict):
    """A setup that has not ended."""

    run: str
    name: str
    digest: str
    rebooted: List[str]
    """Steps that have had their reboot."""
    fresh: bool
    """Whether it installs again what is there."""


class Mark(TypedDict):
    """A step that is done."""

    digest: str
    version: str
    how: StepState
    at: float


class ReadyMark(TypedDict):
    """The last bundle of which all steps verified."""

    name: str
    digest: str
    at: float


class _RunFile(TypedDict):
    name: str
    command: str
    recipe: str
    folder: str
    user: str
    since: float


class RunFile(_RunFile, total=False):
    """A run's run.json."""

    asked: str
    """What the user typed, where the command is how gpurig does that: "fab dataset-get https://…"."""
    stopped: float
    """When `fab cancel` ended it."""
    interrupted: float
    """When it was asked to end because EC2 takes the box."""
    resumed: List[float]
    """When it was started again, each time."""
    resume: str
    """The command that goes on with it, where that is another one."""
    once: bool
    """Whether it must not be started again."""
    installed: List[str]
    """The recipes that were on the box when it was started."""


class RunRow(RunFile):
    """A run, as it is now."""

    state: RunState
    code: Optional[int]
    """Its exit code, 128 + n for signal n; None while it runs and where it is lost without one."""
    why: str
    seconds: float
    path: str
    """Its own folder: run.json, script, log, results/."""
    resumable: bool
    """Whether it was cut off by the end of its box, and may be started again."""


class Ending(TypedDict):
    """EC2's notice that it takes the box. Moments are seconds of UTC."""

    action: str
    """terminate, stop or hibernate, as EC2 says; rebalance: the box goes by itself, as EC2 recommends it."""
    ends: float
    at: float
    """When the box read it."""


class _Part(TypedDict):
    part: str
    size: int
    sha256: str


class Part(_Part, total=False):
    """A part of a kept build: an archive, or, with these keys, one large file."""

    path: str
    mode: int
    mtime: int
    """Nanoseconds."""


class Index(TypedDict):
    """A kept build: its parts, and the folders that their files are in."""

    rows: List[Part]
    folders: List[str]


class Disk(TypedDict):
    """A file system."""

    path: str
    free: int
    total: int


class DataSet(TypedDict):
    """A data set on the job volume."""

    name: str
    whole: bool
    counts: Dict[str, int]
    """Pictures, in all and of each side."""


class Guard(TypedDict):
    """What the box's guard saw last, and when it would power the box off. Moments are seconds of UTC."""

    there: bool
    """Whether this box has a guard: another one stops nothing, and knows nothing of all that follows."""
    looked: Optional[float]
    """When the guard looked last; None where it has not yet since the boot."""
    busy: List[str]
    """What holds the box awake, in words ("run train-1 computes"); none of an idle box."""
    idle_since: Optional[float]
    """None while something holds it awake."""
    idle_minutes: int
    """Idle minutes after which the box stops; 0: never."""
    awake_until: Optional[float]
    """Until when `fab keep-awake` holds it."""
    lifetime_until: Optional[float]
    """When it stops whatever it does."""
    stops_at: Optional[float]
    """When it would stop if nothing changed; None where that is never."""


class Told(TypedDict):
    """What the box told everybody at a moment, or why it stopped then."""

    at: float
    text: str


class Account(TypedDict):
    """Whose folders a request is about."""

    user: str
    mount_point: str
    volume_id: str
    """ "" where the mount point is a plain directory."""


class Watched(TypedDict):
    """What the service that watches for the notice has to know."""

    account: Account
    leave_early: bool
