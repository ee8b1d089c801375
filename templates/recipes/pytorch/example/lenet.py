"""Train a LeNet on pictures of digits, on the GPU or the CPU, and say how long each epoch takes.

Results: model.pt, the trained weights; results.json, loss and accuracy of each epoch; bench.json, seconds per epoch.
Exit codes: 0 trained, 2 wrong arguments, 3 the wanted device is not to be had.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import sys
import time
from pathlib import Path

import mnist
import torch
from torch import nn


class LeNet(nn.Module):
    """Two convolutions, each halved by pooling, and three linear layers: 28 x 28 pixels in, a score per digit out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 6, 3, stride=1, padding=1),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(6, 16, 5, stride=1, padding=0),
            nn.MaxPool2d(2, 2),
        )
        self.fc = nn.Sequential(nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return scores, count x 10, of pictures, count x 1 x 28 x 28."""
        return self.fc(self.conv(pictures).flatten(1))


def arguments() -> argparse.Namespace:
    """Return what the user chose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10, help="how often the network sees each picture")
    parser.add_argument(
        "--pictures", type=int, default=12000, help="how many to generate; a sixth as many more to test"
    )
    parser.add_argument("--mnist", type=Path, metavar="DIR", help="train on MNIST: its four idx files lie in DIR")
    parser.add_argument("--batch", type=int, default=100, help="pictures of a step")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=0, help="of the pictures, their order and the first weights")
    chosen = parser.parse_args()
    if min(chosen.epochs, chosen.batch, chosen.pictures // 6) < 1:
        parser.error("it takes at least one epoch, one picture a step and 6 pictures")
    return chosen


def device() -> tuple[torch.device, str]:
    """Return where to compute, by $GPURIG_DEVICE, and its name. Ends the program where that is not to be had."""
    wanted = os.environ.get("GPURIG_DEVICE", "auto")
    found = torch.cuda.is_available()
    if wanted == "gpu" and not found:
        print("GPURIG_DEVICE is gpu, and PyTorch sees no GPU on this host", flush=True)
        sys.exit(3)
    if wanted == "cpu" or not found:
        return torch.device("cpu"), "cpu"
    return torch.device("cuda:0"), f"cuda:0 ({torch.cuda.get_device_name(0)})"


class Training:
    """A network, the pictures that it learns from, and how it learns."""

    def __init__(self, chosen: argparse.Namespace, where: torch.device) -> None:
        torch.manual_seed(chosen.seed)  # weights are drawn on the CPU: the same ones on every device
        self.net = LeNet().to(where)
        self.loss = nn.CrossEntropyLoss(reduction="sum")
        self.rate, self.batch = chosen.rate, chosen.batch
        self.order = torch.Generator().manual_seed(chosen.seed)
        if chosen.mnist:
            sets = mnist.read(chosen.mnist)
            self.data = f"MNIST, {len(sets[0][1])} pictures"
        else:
            sets = mnist.generated(chosen.pictures, chosen.pictures // 6, chosen.seed)
            self.data = f"scikit-learn's digits, enlarged and moved, {chosen.pictures} pictures"
        # All of it fits into any GPU's memory; a loader would be most of what is timed.
        self.train, self.test = ((x.to(where), y.to(where)) for x, y in sets)

    def warm_up(self) -> None:
        """Take a step with a copy: what a device does once must not count as its first epoch's."""
        self._steps(copy.deepcopy(self.net), torch.arange(min(self.batch, len(self.train[1]))))

    def epoch(self) -> tuple[float, float]:
        """Show the network every picture once; return mean loss and accuracy on the way."""
        return self._steps(self.net, torch.randperm(len(self.train[1]), generator=self.order))

    def _steps(self, net: LeNet, order: torch.Tensor) -> tuple[float, float]:
        pictures, labels = self.train
        optimizer = torch.optim.SGD(net.parameters(), lr=self.rate)
        lost, right = torch.zeros((), device=labels.device), torch.zeros((), device=labels.device)
        for some in order.to(labels.device).split(self.batch):
            optimizer.zero_grad()
            scores = net(pictures[some])
            loss = self.loss(scores, labels[some])
            loss.backward()
            optimizer.step()
            lost += loss.detach()
            right += (scores.argmax(1) == labels[some]).sum()
        return lost.item() / len(order), right.item() / len(order)

    @torch.no_grad()
    def accuracy(self) -> float:
        """Return the share of the pictures to test with that the network gets right."""
        pictures, labels = self.test
        parts = zip(pictures.split(1000), labels.split(1000), strict=True)
        return sum(int((self.net(x).argmax(1) == y).sum()) for x, y in parts) / len(labels)


def put(path: Path, result: object) -> None:
    """Write a result, JSON or a network's weights, so that it is never seen in part."""
    part = path.with_name(f"{path.name}.part")
    if path.suffix == ".json":
        part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    else:
        torch.save(result, part)
    part.replace(path)


def main() -> None:
    """Train, print a line an epoch, and leave the results."""
    chosen = arguments()
    where, name = device()
    results = Path(os.environ.get("GPURIG_RESULTS", "results"))
    results.mkdir(parents=True, exist_ok=True)
    training = Training(chosen, where)
    print(f"LeNet on {name}; {training.data}", flush=True)
    training.warm_up()
    epochs = []
    for number in range(1, chosen.epochs + 1):
        begun = time.perf_counter()
        loss, accuracy = training.epoch()
        seconds = time.perf_counter() - begun
        print(f"[{number}/{chosen.epochs}] loss {loss:.5f} accuracy {accuracy:.2%} seconds {seconds:.2f}", flush=True)
        epochs.append({"loss": loss, "accuracy": accuracy, "seconds": seconds})
    accuracy = training.accuracy()
    print(f"accuracy on {len(training.test[1])} other pictures: {accuracy:.2%}", flush=True)
    put(results / "model.pt", training.net.state_dict())
    put(results / "results.json", {"epochs": epochs, "accuracy": accuracy, "data": training.data, "device": name})
    bench = {
        "unit": "epoch",
        "seconds": [epoch["seconds"] for epoch in epochs],
        "error": 1 - accuracy,
        "measure": "test error",
        "device": name,
        "seed": chosen.seed,
        "data": training.data,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    put(results / "bench.json", bench)


if __name__ == "__main__":
    main()
