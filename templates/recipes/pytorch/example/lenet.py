"""Train a LeNet on pictures of digits, on the GPU or the CPU, and say how long each epoch takes.

Results: model.pt, the trained weights; results.json, loss and accuracy of each epoch; bench.json, seconds per epoch.
Exit codes: 0 trained, 1 it has learnt nothing, 2 wrong arguments, 3 the wanted device is not to be had.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mnist
import results
import torch
import training
from torch import nn
from training import Setting, Training

if TYPE_CHECKING:
    from mnist import Set

OWN = Setting("", 1000, 0.005, adam=True, recorded=True)
DOCUMENT = Setting("batches of 100, as in document 004", 100, 0.1, adam=False, recorded=False)
AT_WORK = 5.0
"""Seconds for which a bench goes on when it has its times: nvidia-smi looks twice a second."""


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
    parser.add_argument(
        "--document", action="store_true", help="as document 004: plain gradient descent, launched step by step"
    )
    parser.add_argument("--batch", type=int, help=f"pictures of a step ({OWN.batch}, or {DOCUMENT.batch})")
    parser.add_argument("--rate", type=float, help=f"learning rate ({OWN.rate:g}, or {DOCUMENT.rate:g})")
    parser.add_argument("--seed", type=int, default=0, help="of the pictures, their order and the first weights")
    parser.add_argument("--bench", action="store_true", help="time the document's setting too, and look at the GPU")
    chosen = parser.parse_args()
    base = DOCUMENT if chosen.document else OWN
    chosen.batch = base.batch if chosen.batch is None else chosen.batch
    chosen.rate = base.rate if chosen.rate is None else chosen.rate
    if min(chosen.epochs, chosen.batch, chosen.pictures // 6) < 1:
        parser.error("it takes at least one epoch, one picture a step and 6 pictures")
    return chosen


def settings(chosen: argparse.Namespace) -> list[Setting]:
    """Return how to train; the first is what the results are of."""
    base = DOCUMENT if chosen.document else OWN
    name = base.name if (chosen.batch, chosen.document) == (DOCUMENT.batch, True) else f"batches of {chosen.batch:,}"
    first = dataclasses.replace(base, name=name, batch=chosen.batch, rate=chosen.rate)
    return [first, DOCUMENT] if chosen.bench and not chosen.document else [first]


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


def pictures(chosen: argparse.Namespace, where: torch.device) -> tuple[Set, Set, str]:
    """Return the sets to train and to test with, on the device, and what they are."""
    if chosen.mnist:
        sets = mnist.read(chosen.mnist)
        data = f"MNIST, {len(sets[0][1])} pictures"
    else:
        sets = mnist.generated(chosen.pictures, chosen.pictures // 6, chosen.seed)
        data = f"scikit-learn's digits, enlarged and moved, {chosen.pictures} pictures"
    train, test = ((x.to(where), y.to(where)) for x, y in sets)
    return train, test, data


def learn(setting: Setting, chosen: argparse.Namespace, train: Set, test: Set) -> tuple[Training, dict[str, Any]]:
    """Train a network, a line an epoch; return it and what came out. Ends the program where it learns nothing."""
    torch.manual_seed(chosen.seed)  # weights are drawn on the CPU: the same ones on every device
    learning = Training(LeNet().to(train[1].device), train, setting, chosen.seed)
    way_out = f"a lower rate than {setting.rate:g} may hold: --rate {setting.rate / 4:g}"
    epochs = []
    for number in range(1, chosen.epochs + 1):
        loss, accuracy, seconds = learning.epoch()
        print(f"[{number}/{chosen.epochs}] loss {loss:.5f} accuracy {accuracy:.2%} seconds {seconds:.3f}", flush=True)
        results.need_finite(number, loss, way_out)
        epochs.append({"loss": loss, "accuracy": accuracy, "seconds": seconds})
    error, limit = training.error(learning.net, test), results.nothing_learnt(test[1])
    print(f"accuracy on {len(test[1])} other pictures: {1 - error:.2%}", flush=True)
    results.need_learnt(error, limit, "another --rate may help")
    return learning, {"epochs": epochs, "error": error, "limit": limit}


def main() -> None:
    """Train, print a line an epoch, and leave the results."""
    chosen = arguments()
    where, name = device()
    folder = Path(os.environ.get("GPURIG_RESULTS", "results"))
    folder.mkdir(parents=True, exist_ok=True)
    torch.backends.cudnn.benchmark = True  # all steps are alike
    train, test, data = pictures(chosen, where)
    first, *others = settings(chosen)
    print(f"LeNet on {name}; {data}; {first.name}", flush=True)
    learning, seen = learn(first, chosen, train, test)
    results.put(folder / "model.pt", learning.net.state_dict())
    report = {"epochs": seen["epochs"], "accuracy": 1 - seen["error"], "data": data, "device": name}
    results.put(folder / "results.json", report)
    bench = {
        "unit": "epoch",
        **results.measured(**seen, setting=first.name, pictures=len(train[1])),
        "measure": "test error",
        "device": name,
        "seed": chosen.seed,
        "data": data,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    if chosen.bench and where.type == "cuda":
        bench["between"] = training.at_work(learning, AT_WORK)
        bench["spent"] = training.spent(learning)
    bench["others"] = []
    for other in others:
        print(other.name, flush=True)
        _, seen = learn(other, chosen, train, test)
        bench["others"].append(results.measured(**seen, setting=other.name, pictures=len(train[1])))
    results.put(folder / "bench.json", bench)


if __name__ == "__main__":
    main()
