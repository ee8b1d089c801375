"""The processes that train one network together: who they are, and which pictures of a step each of them takes.

What is learnt is the same however many there are, but for how sums round: each step's pictures are the same ones, and
so are the numbers drawn by chance. Each process takes its share of both.
"""

from __future__ import annotations

import os
import time

import torch
import torch.distributed as dist


class Shares:
    """The processes that torchrun has started, on one host or several; else this one alone."""

    def __init__(self) -> None:
        self.rank, self.count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        self.hosts = int(os.environ.get("GROUP_WORLD_SIZE", "1"))
        gpu = torch.cuda.is_available() and os.environ.get("GPURIG_DEVICE") != "cpu"
        self.where = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if gpu else torch.device("cpu")
        if gpu:
            torch.cuda.set_device(self.where)
        alone = {} if "RANK" in os.environ else {"store": dist.HashStore(), "rank": 0, "world_size": 1}
        dist.init_process_group("nccl" if gpu else "gloo", **alone)

    @property
    def device(self) -> str:
        """What this process computes on."""
        return torch.cuda.get_device_name(self.where) if self.where.type == "cuda" else "cpu"

    def own(self, whole: torch.Tensor) -> torch.Tensor:
        """Return this process' share of a step's pictures, or of what was drawn for each of them."""
        return whole[self.rank :: self.count]

    def add(self, *parts: torch.Tensor) -> None:
        """Put the sum over all processes into tensors, in one go."""
        whole = torch.cat([part.flatten() for part in parts])
        dist.all_reduce(whole)
        for part, new in zip(parts, whole.split([part.numel() for part in parts]), strict=True):
            part.copy_(new.view_as(part))

    def now(self) -> float:
        """Return the time, once all are here and have computed what was begun; seconds."""
        dist.barrier()
        if self.where.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def say(self, text: str) -> None:
        """Print a line, of one process only."""
        if not self.rank:
            print(text, flush=True)

    def end(self) -> None:
        """Be done: all are."""
        dist.barrier()
        dist.destroy_process_group()
