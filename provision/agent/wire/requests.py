"""What a client asks for; each handler of `serve` gets one of these, and most of them the `Account` beside it."""

from typing import Dict, List, Literal, Optional, Tuple, TypedDict, Union

from provision.agent.verbs import Verb
from provision.agent.wire.documents import Account
from provision.agent.wire.kept import Lent, PutLink


class Apply(TypedDict):
    """Bring the box to a bundle."""

    verb: Literal[Verb.APPLY]
    digest: str
    bundle: str
    """The bundle as JSON. "" to a box that may have it: it asks where it has not."""
    fresh: bool
    builders: List[str]
    """Public keys, as OpenSSH writes them: a kept build counts that one of them has signed."""
    builds: Optional[Dict[str, Lent]]
    """What a bucket has of kept builds, by name; None: the box says first what it would want of it (`Wanted`)."""


class Plan(TypedDict):
    """Look what a setup would find."""

    verb: Literal[Verb.PLAN]
    digest: str
    bundle: str


class Place(TypedDict):
    """A place in a setup: what a client has seen last of the journal, and of the log of each step in progress."""

    run: str
    offset: int
    positions: Dict[str, int]


class Follow(Place):
    """Go on with the events of a setup."""

    verb: Literal[Verb.FOLLOW]


class Question(TypedDict):
    """What needs no more words."""

    verb: Literal[Verb.STATUS, Verb.FACTS, Verb.RUNS, Verb.VOLUME, Verb.SYNC]


class Watch(TypedDict):
    """Watch for EC2's notice from now on; `leave_early`: go when EC2 recommends that."""

    verb: Literal[Verb.WATCH]
    leave_early: bool


class Overview(TypedDict):
    """`units`: services to look at."""

    verb: Literal[Verb.OVERVIEW]
    units: List[str]


class Journal(TypedDict):
    """`lines`: of each log, the last so many; `logs`: of so many runs, the newest."""

    verb: Literal[Verb.JOURNAL]
    lines: int
    logs: int


class Guard(TypedDict):
    """Tell what holds the box awake and, where one is given, take another moment (seconds of UTC) for an end."""

    verb: Literal[Verb.GUARD]
    awake_until: Optional[float]
    """Hold the box awake until then, also after a boot; 0: no longer."""
    lifetime_until: Optional[float]
    """Power the box off then, in place of what its lifetime says, until the next boot."""


class Start(TypedDict):
    """Start a run. What is not wanted is ""."""

    verb: Literal[Verb.START]
    command: str
    name: str
    recipe: str
    folder: str
    beside: str
    """Synced folder that it runs in where there is one, and no `folder` is given."""
    exports: List[Tuple[str, str]]
    """Environment whose values the shell expands, in this order."""
    env: Dict[str, str]
    """More of it, as it is: it may be secret, and lies in a file of its own."""
    asked: str
    resume: str
    """The command that goes on with it after its box was lost; "": the same."""
    once: bool
    """Never start it again."""


class Resume(TypedDict):
    """Start a run again that was cut off by the end of its box."""

    verb: Literal[Verb.RESUME]
    name: str


class Stop(TypedDict):
    """End a run."""

    verb: Literal[Verb.STOP]
    name: str


class Log(TypedDict):
    """Show a run's log: after `position`; for -1 the last so many lines, all for 0."""

    verb: Literal[Verb.LOG]
    name: str
    position: int
    lines: int
    follow: bool


class Files(TypedDict):
    """Tell of the files of a run, or of a pattern; `parts`: bytes that the client has of each."""

    verb: Literal[Verb.FILES]
    what: str
    watch: bool
    parts: Dict[str, int]


class Tree(TypedDict):
    """Make a folder, and tell what is in it."""

    verb: Literal[Verb.TREE]
    path: str


class Order(TypedDict):
    """Write files that only the account may read: path → text."""

    verb: Literal[Verb.ORDER]
    files: Dict[str, str]


class Arrived(TypedDict):
    """Tell how much of an upload of `size` bytes is at `path`; `goal`: the data set that it is for."""

    verb: Literal[Verb.ARRIVED]
    path: str
    size: int
    goal: str


class Begin(TypedDict):
    """Make the folder that a data set is uploaded into."""

    verb: Literal[Verb.BEGIN]
    goal: str


class Finish(TypedDict):
    """Give an uploaded data set its name; `at`: the day for its record."""

    verb: Literal[Verb.FINISH]
    goal: str
    at: str


class Grow(TypedDict):
    """Grow the file system of the job volume once that has so many bytes."""

    verb: Literal[Verb.GROW]
    bytes: int


class Release(TypedDict):
    """Unmount the temporary volume `source` of a restore that was cut off."""

    verb: Literal[Verb.RELEASE]
    source: str


class Restore(TypedDict):
    """Copy `path` ("": all) of a snapshot from the volume `source` made of it; CHECK: say whether that could be."""

    verb: Literal[Verb.CHECK, Verb.RESTORE]
    source: str
    snapshot: str
    path: str
    in_place: bool


class Sample(TypedDict):
    """Tell how busy the box is, every so many `seconds`, so many times (0: until the client goes)."""

    verb: Literal[Verb.SAMPLE]
    seconds: float
    times: int


class Seal(TypedDict):
    """Put signatures beside kept builds that this box made: name → what `ssh-keygen -Y sign` wrote."""

    verb: Literal[Verb.SEAL]
    signatures: Dict[str, str]
    shares: bool
    """Whether there is a bucket that they go to."""


class Share(TypedDict):
    """Send kept builds that this box made to a bucket: name → file → link."""

    verb: Literal[Verb.SHARE]
    entries: Dict[str, Dict[str, PutLink]]


Setup = Union[Apply, Plan, Follow]
Request = Union[
    Union[Setup, Question, Overview, Journal, Start, Stop, Log, Files, Tree],
    Union[Order, Arrived, Begin, Finish, Grow, Release, Restore, Guard, Resume, Watch, Sample, Seal, Share],
]


class Whole(TypedDict):
    """What answers `Send`."""

    request: Request
    account: Account
    agent: Optional[Dict[str, str]]
    """Path → text of the program's files, where the box lacks them."""


class _Ask(TypedDict):
    agent: str
    """Digest of the program that is to answer."""


class Ask(_Ask, total=False):
    """What stands on the command line, for every process of the host to read: only what may do without the rest."""

    request: Setup
    early: bool
    """The client asks later, by an `Ask` that is a line on standard input; true: meanwhile the steps are looked at."""
