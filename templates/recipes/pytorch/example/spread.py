"""Train one network on all GPUs, or CPUs, of several hosts at once: LeNet, or the deep belief network of document 001.

    fab run --all-hosts --with pytorch --folder example-pytorch -- spread.py --net dbn

Each step's pictures are shared out among the processes, and their slopes are summed up: the network that comes of it is
that of one process, but for how sums round. Results: spread.json, pictures a second of each phase and the error on
other pictures, which table.py compares; model.pt, the weights. Exit codes: 0 trained, 1 it has learnt nothing, 2 wrong
arguments.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dbn
import mnist
import results
import torch
import training
from lenet import LeNet
from shares import Shares
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RATES = {"lenet": 0.1, "dbn": 0.3}
"""The documents' own: 004 and 001."""
DECAY, MOMENTUM = 0.9, 0.9
"""Of the rate, by epoch, as in document 001; of each step."""


def arguments() -> argparse.Namespace:
    """Return what the user chose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", choices=sorted(RATES), default="lenet", help="which network")
    parser.add_argument("--epochs", type=int, default=10, help="how often it sees each picture with its label")
    parser.add_argument(
        "--pretrain", type=int, default=2, help="how often each layer of dbn sees each before; 0: never"
    )
    parser.add_argument("--pictures", type=int, default=12000, help="how many to make; a sixth as many more to test")
    parser.add_argument("--mnist", type=Path, metavar="DIR", help="train on MNIST: its four idx files lie in DIR")
    parser.add_argument("--batch", type=int, default=300, help="pictures of a step, of all processes together")
    parser.add_argument("--rate", type=float, help="learning rate (lenet: 0.1, dbn: 0.3)")
    parser.add_argument("--seed", type=int, default=0, help="of the pictures, their order and the first weights")
    chosen = parser.parse_args()
    chosen.rate = RATES[chosen.net] if chosen.rate is None else chosen.rate
    if min(chosen.epochs, chosen.batch, chosen.pictures // 6) < 1 or chosen.pretrain < 0:
        parser.error("it takes at least one epoch, one picture a step and 6 pictures")
    if chosen.batch < int(os.environ.get("WORLD_SIZE", "1")):
        parser.error(f"--batch {chosen.batch}: each process needs a picture of each step")
    return chosen


class Spread:
    """A training in all processes."""

    def __init__(self, chosen: argparse.Namespace, shares: Shares) -> None:
        self.chosen, self.shares = chosen, shares
        made = mnist.generated(chosen.pictures, chosen.pictures // 6, chosen.seed)
        sets = mnist.read(chosen.mnist) if chosen.mnist else made
        (self.pictures, self.labels), self.test = ((x.to(shares.where), y.to(shares.where)) for x, y in sets)
        self.whole = len(self.labels) // chosen.batch
        """Steps of an epoch; what is left over comes in another one, whose order is another."""
        if not self.whole:
            raise SystemExit(f"{len(self.labels)} pictures are less than a step of {chosen.batch}")
        self.chance = torch.Generator().manual_seed(chosen.seed)  # on the CPU: the same everywhere
        self.phases: list[dict[str, Any]] = []

    def steps(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield this process' pictures and labels of each step of an epoch."""
        order = torch.randperm(len(self.labels), generator=self.chance).to(self.shares.where)
        for some in order.split(self.chosen.batch)[: self.whole]:
            own = self.shares.own(some)
            yield self.pictures[own], self.labels[own]

    def phase(self, name: str, epochs: int, one: Callable[[int], float]) -> None:
        """Do something for some epochs, a line each; `one` does an epoch and returns its loss."""
        count, seconds = self.whole * self.chosen.batch, []
        for number in range(1, epochs + 1):
            begun = self.shares.now()
            loss = one(number)
            seconds.append(self.shares.now() - begun)
            speed = count / seconds[-1]
            self.shares.say(f"{name} [{number}/{epochs}] loss {loss:.5f}, {speed:,.0f} pictures a second")
            results.need_finite(number, loss, f"a lower rate than {self.chosen.rate:g} may hold: --rate")
        # The first one has what a device does once.
        median = statistics.median(seconds[1:] or seconds)
        self.phases.append({"phase": name, "seconds": seconds, "loss": loss, "pictures_per_second": count / median})

    def pretrain(self) -> list[dbn.Machine]:
        """Have each layer of the deep belief network learn to give back what the one below says."""
        machines: list[dbn.Machine] = []
        for number, (below, above) in enumerate(itertools.pairwise(dbn.SIZES[:-1]), 1):
            machine = dbn.Machine(below, above, self.shares, self.chance)

            def one(_epoch: int, machine: dbn.Machine = machine) -> float:
                wrong = torch.zeros((), device=self.shares.where)
                for pictures, _ in self.steps():
                    seen = pictures.flatten(1)
                    for lower in machines:
                        seen = lower.up(seen)
                    wrong += machine.step(seen, self.chosen.batch)
                return self._mean(wrong) / machine.below.numel()

            self.phase(f"pretraining {number}", self.chosen.pretrain, one)
            machines.append(machine)
        return machines

    def learn(self, net: nn.Module) -> None:
        """Have a network learn the labels."""
        whole = nn.parallel.DistributedDataParallel(net)
        optimizer = torch.optim.SGD(net.parameters(), self.chosen.rate, momentum=MOMENTUM)
        slower = torch.optim.lr_scheduler.ExponentialLR(optimizer, DECAY)
        measure = nn.CrossEntropyLoss(reduction="sum")
        # What is averaged over the processes is then the mean of the step's pictures, however they are shared out.
        share = self.shares.count / self.chosen.batch

        def one(_epoch: int) -> float:
            total = torch.zeros((), device=self.shares.where)
            for pictures, labels in self.steps():
                loss = measure(whole(pictures), labels)
                optimizer.zero_grad()
                (loss * share).backward()
                nn.utils.clip_grad_norm_(net.parameters(), training.LONGEST)
                optimizer.step()
                total += loss.detach()
            slower.step()
            return self._mean(total)

        self.phase("training", self.chosen.epochs, one)

    def _mean(self, total: torch.Tensor) -> float:
        """Return the mean by picture of what all processes have summed up in an epoch."""
        self.shares.add(total)
        return total.item() / (self.whole * self.chosen.batch)


def main() -> None:
    """Train, and leave the results: of one process, for all have the same."""
    chosen = arguments()
    shares = Shares()
    spread = Spread(chosen, shares)
    shares.say(f"{chosen.net} by {shares.count} of {shares.hosts} hosts on {shares.device}, {chosen.batch} a step")
    torch.manual_seed(chosen.seed)
    machines = spread.pretrain() if chosen.net == "dbn" and chosen.pretrain else []
    net = (dbn.network(machines) if chosen.net == "dbn" else LeNet()).to(shares.where)
    spread.learn(net)
    error, limit = training.error(net, spread.test), results.nothing_learnt(spread.test[1])
    shares.say(f"error on {len(spread.test[1])} other pictures: {error:.4f}")
    if not shares.rank:
        folder = Path(os.environ.get("GPURIG_RESULTS", "results"))
        folder.mkdir(parents=True, exist_ok=True)
        about = {name: value if name != "mnist" else bool(value) for name, value in vars(chosen).items()}
        seen = {"hosts": shares.hosts, "processes": shares.count, "device": shares.device, "error": error}
        versions = {"python": platform.python_version(), "torch": torch.__version__}
        results.put(folder / "model.pt", net.state_dict())
        results.put(folder / "spread.json", {**about, **seen, "phases": spread.phases, "versions": versions})
    shares.end()
    results.need_learnt(error, limit, "another --rate may help")


if __name__ == "__main__":
    main()
