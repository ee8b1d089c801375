"""What the box tells of how busy it is, again and again."""

from typing import List, Literal, Optional, Tuple, TypedDict

from provision.agent.wire.documents import Disk
from provision.agent.words import Kind


class Gauge(TypedDict):
    """How busy a GPU is; None for what it does not tell, as one that is cut in parts (MIG) tells no use."""

    index: str
    name: str
    use: Optional[float]
    """Per cent."""
    used: Optional[float]
    total: Optional[float]
    """MiB of its memory."""
    celsius: Optional[float]
    watts: Optional[float]


class Going(TypedDict):
    """A run that goes on; `since`: seconds of UTC."""

    name: str
    since: float


class Sample(TypedDict):
    """How busy the box was in the seconds before; rates are bytes per second."""

    event: Literal[Kind.SAMPLE]
    at: float
    cpus: int
    cpu: float
    """Per cent of all of them."""
    load: float
    memory: Tuple[int, int]
    """Bytes that are used, and all."""
    gpus: List[Gauge]
    gpu_problem: str
    """Why nothing is known of the GPUs, "" where it is, or there are none."""
    disks: List[Disk]
    read: float
    written: float
    received: float
    sent: float
    runs: List[Going]
