"""How a network learns: all pictures on the device, a step that a GPU has recorded, and what an epoch came to."""

from __future__ import annotations

import copy
import dataclasses
import time
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from mnist import Set

WARM_UP = 3
"""Steps before a GPU records one: by then its libraries have chosen their ways, and the optimizer has its state."""


LONGEST = 1.0
"""Length that a step's slopes are cut to: by longer ones, a rate of 0.1 loses all after some 1,500 steps."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """How to go through the pictures."""

    name: str
    batch: int
    """Pictures of a step."""
    rate: float
    """Learning rate, for the mean loss of a step's pictures."""
    adam: bool
    """Adam, which holds with large batches; else plain gradient descent, its steps' slopes cut to `LONGEST`."""
    recorded: bool
    """A GPU repeats the step as one recorded graph. Else Python launches each kernel: slower than to compute it."""


class Training:
    """A network, the pictures that it learns from, and how it learns."""

    def __init__(self, net: nn.Module, train: Set, setting: Setting, seed: int) -> None:
        self.net, self.setting = net, setting
        # All of it fits into any GPU's memory, and goes there once.
        self.pictures, self.labels = train
        self.where = self.labels.device
        self.order = torch.Generator().manual_seed(seed)  # on the CPU: the same order on every device
        self.loss = nn.CrossEntropyLoss()
        self.some = torch.arange(min(setting.batch, len(self.labels)), device=self.where)
        self.total = torch.zeros(2, device=self.where)
        """Loss of all pictures and how many were right, of this epoch; read once, for a look waits for the GPU."""
        if setting.adam:
            on_gpu = self.where.type == "cuda"
            self.optimizer: torch.optim.Optimizer = torch.optim.Adam(net.parameters(), setting.rate, capturable=on_gpu)
        else:
            self.optimizer = torch.optim.SGD(net.parameters(), setting.rate)
        self.graph: torch.cuda.CUDAGraph | None = None
        self._prepare()

    def epoch(self) -> tuple[float, float, float]:
        """Show the network every picture once; return mean loss, accuracy on the way, and the seconds it took."""
        begun = time.perf_counter()
        count = len(self.labels)
        self.total.zero_()
        for some in torch.randperm(count, generator=self.order).to(self.where).split(self.setting.batch):
            if self.graph and len(some) == len(self.some):
                self.some.copy_(some)
                self.graph.replay()
            else:
                self._step(some)
        loss, right = (self.total / count).tolist()
        return loss, right, time.perf_counter() - begun

    def _step(self, some: torch.Tensor) -> None:
        labels = self.labels[some]
        scores = self.net(self.pictures[some])
        loss = self.loss(scores, labels)
        self.optimizer.zero_grad()
        loss.backward()
        if not self.setting.adam:
            nn.utils.clip_grad_norm_(self.net.parameters(), LONGEST)
        self.optimizer.step()
        self.total += torch.stack([loss.detach() * len(some), (scores.argmax(1) == labels).sum()])

    def _prepare(self) -> None:
        """Take a few steps that leave no trace: what a device does once must not count as its first epoch's."""
        before = copy.deepcopy(self.net.state_dict())
        if self.where.type == "cuda":
            aside = torch.cuda.Stream()
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                self._warm_up()
            torch.cuda.current_stream().wait_stream(aside)
            if self.setting.recorded:
                self.graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(self.graph):
                    self._step(self.some)
        else:
            self._warm_up()
        self.net.load_state_dict(before)
        for state in self.optimizer.state.values():
            for value in state.values():
                if isinstance(value, torch.Tensor):
                    value.zero_()

    def _warm_up(self) -> None:
        for _ in range(WARM_UP):
            self._step(self.some)


@torch.no_grad()
def error(net: nn.Module, test: Set) -> float:
    """Return the share of the pictures to test with that the network gets wrong."""
    pictures, labels = test
    parts = zip(pictures.split(1000), labels.split(1000), strict=True)
    return 1 - sum(int((net(x).argmax(1) == y).sum()) for x, y in parts) / len(labels)


def at_work(training: Training, seconds: float) -> tuple[float, float]:
    """Go on for so long, for nvidia-smi to see the device at work; return from when to when, in seconds of UTC."""
    begun = time.time()
    while time.time() - begun < seconds:
        training.epoch()
    return begun, time.time()


def spent(training: Training) -> dict[str, float]:
    """Return what an epoch's seconds on a GPU go to, as PyTorch's profiler sees its kernels."""
    from torch.autograd import DeviceType  # noqa: PLC0415 - a second that only a bench pays
    from torch.profiler import ProfilerActivity, profile  # noqa: PLC0415

    whole = min(training.epoch()[2] for _ in range(3))
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        training.epoch()
    events = [event for event in seen.events() or () if event.device_type == DeviceType.CUDA]
    kernels = sum(event.time_range.elapsed_us() for event in events) / 1e6
    if not kernels:
        return {}  # where the profiler may not look
    return {"computing": min(kernels, whole), "waiting for Python to launch the next kernel": max(0.0, whole - kernels)}
