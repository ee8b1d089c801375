"""Events that answer a question."""

from typing import Dict, List, Literal, Optional, Tuple, TypedDict, Union

from provision.agent.wire.documents import (
    DataSet,
    Disk,
    Ending,
    Guard,
    Mark,
    Pending,
    ReadyMark,
    RunRow,
    Told,
)
from provision.agent.wire.kept import Sealed, Shared
from provision.agent.wire.samples import Sample
from provision.agent.wire.setups import Failed, Notice, Ready, Reboot, Recorded
from provision.agent.words import Kind, StepState


class Plan(TypedDict):
    """What a setup would find."""

    event: Literal[Kind.PLAN]
    steps: Dict[str, StepState]
    running: bool


class Machine(TypedDict):
    """What the machine is."""

    os: str
    """ "ubuntu-22.04"."""
    kernel: str
    gpus: List[List[str]]
    """Name, compute capability ("" where an old driver does not tell) and driver of each GPU that the driver sees."""
    mig: List[Optional[List[str]]]
    """The instances that each of these is cut into ("3g.20gb"), none yet perhaps; None where MIG is off."""
    silent: str
    """What nvidia-smi says in place of an answer; "" where it answers, or is not there."""
    pci: List[List[str]]
    """Slot, number ("2204") and udev's name of each of NVIDIA's GPUs, driver or not."""
    nouveau: bool
    secure_boot: bool
    disk_free_gib: float
    memory_gib: float
    boot_id: str


class Facts(Machine):
    """What the machine is."""

    event: Literal[Kind.FACTS]


class State(Machine):
    """What is installed, what is half done, what runs now, and how the last setup ended."""

    marks: Dict[str, Mark]
    interrupted: List[str]
    ready: Optional[ReadyMark]
    pending: Optional[Pending]
    running: bool
    last: Union[Ready, Failed, Reboot, None]


class Status(State):
    """The state alone."""

    event: Literal[Kind.STATUS]


class Overview(State):
    """The state, and how full and busy the box is."""

    event: Literal[Kind.OVERVIEW]
    runs: List[RunRow]
    """Those that go on."""
    services: Dict[str, str]
    loads: List[List[str]]
    """Use in %, used and whole memory in MiB, °C of each GPU, as the driver says it."""
    disks: List[Disk]
    mounted: bool
    """Whether the job volume is at its mount point."""
    datasets: List[DataSet]
    guard: Guard
    ending: Optional[Ending]
    """EC2's notice that it takes the box."""


class Guarded(Guard):
    """What the guard sees."""

    event: Literal[Kind.GUARD]


class Said(Told):
    """What the box tells everybody while a run is followed."""

    event: Literal[Kind.SAID]


class Journal(TypedDict):
    """What was done on the box, and when."""

    event: Literal[Kind.JOURNAL]
    now: float
    boots: List[List[float]]
    """First and last sign of life of each."""
    stops: List[Told]
    """When the box stopped by itself, and why."""
    events: List[Recorded]
    alive: str
    """The setup that goes on."""
    runs: List[RunRow]
    notices: List[Notice]


class Tail(TypedDict):
    """The end of a log."""

    event: Literal[Kind.TAIL]
    kind: Literal["step", "run"]
    name: str
    lines: List[str]
    whole: bool
    size: int
    why: str


class Run(RunRow):
    """A run that was asked for."""

    event: Literal[Kind.RUN]


class Ended(RunRow):
    """The run that was followed, at its end."""

    event: Literal[Kind.ENDED]


class Runs(TypedDict):
    """All runs, the newest first."""

    event: Literal[Kind.RUNS]
    runs: List[RunRow]


class File(TypedDict):
    """A file to fetch."""

    event: Literal[Kind.FILE]
    goal: str
    path: str
    size: int
    sha256: str
    part: int
    """Bytes that the client has."""
    prefix: str
    """SHA-256 of so many here; "" where there are not so many."""


class Tree(TypedDict):
    """What a synced folder holds."""

    event: Literal[Kind.TREE]
    files: Dict[str, Tuple[int, int, int, str]]
    """Path → bytes, time of change in whole seconds, mode, goal of a link."""
    rsync: bool


class Arrived(TypedDict):
    """How much of an upload is here."""

    event: Literal[Kind.ARRIVED]
    size: int
    sha256: str
    room: int
    there: bool
    """Whether the data set that it is for is there already."""


class Begun(TypedDict):
    """Where to upload a folder to."""

    event: Literal[Kind.BEGUN]
    path: str


class Done(TypedDict):
    """It is done; of a check: it could be."""

    event: Literal[Kind.DONE]


class Volume(TypedDict):
    """The job volume and its file system."""

    event: Literal[Kind.VOLUME]
    device: str
    device_bytes: int
    mounted: bool
    total: int
    free: int
    files: int


class Released(TypedDict):
    """`busy`: a restore goes on, and has the volume; `mounted`: whether it was."""

    event: Literal[Kind.RELEASED]
    busy: bool
    mounted: bool


class Copying(TypedDict):
    """How far a restore is."""

    event: Literal[Kind.COPYING]
    done: int
    total: int


class Restored(TypedDict):
    """Where a restored path is, and where what had been there."""

    event: Literal[Kind.RESTORED]
    path: str
    aside: str


_OfTheBox = Union[Plan, Facts, Status, Overview, Guarded, Journal, Tail, Run, Ended, Runs, Sample]
Answer = Union[_OfTheBox, Said, File, Tree, Arrived, Begun, Done, Volume, Released, Copying, Restored, Sealed, Shared]
