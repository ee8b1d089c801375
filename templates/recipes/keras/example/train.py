"""Train a convolutional network on pictures of digits with Keras, whatever it computes with.

Results: model.keras, the trained network; history.json, loss and accuracy of each epoch, rewritten after each;
bench.json, seconds per epoch. Exit codes: 0 trained, 2 wrong arguments, 3 the wanted device is not to be had.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

WANTED = os.environ.get("GPURIG_DEVICE", "auto")
if WANTED == "cpu":  # said before anything looks for a GPU
    os.environ.update(CUDA_VISIBLE_DEVICES="-1", JAX_PLATFORMS="cpu")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pictures = NDArray[np.float32]
    Labels = NDArray[np.int64]

SIDE = 28
SHIFT = 2
"""Pixels by which a picture stands off the middle at most."""


def arguments() -> argparse.Namespace:
    """Return what the user chose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5, help="how often the network sees each picture")
    parser.add_argument("--pictures", type=int, default=12000, help="how many to train with")
    parser.add_argument("--batch", type=int, default=100, help="pictures of a step")
    parser.add_argument("--seed", type=int, default=0, help="of the pictures, their order and the first weights")
    chosen = parser.parse_args()
    if chosen.epochs < 1 or not 1 <= chosen.batch <= chosen.pictures:
        parser.error("it takes at least one epoch, and no more pictures a step than there are")
    return chosen


def device() -> str:
    """Return the name of what Keras computes on. Ends the program where $GPURIG_DEVICE is not to be had."""
    backend = keras.backend.backend()
    found = ""
    if backend == "torch":
        cuda = importlib.import_module("torch").cuda
        found = cuda.get_device_name(0) if cuda.is_available() else ""
    elif backend == "jax":
        first = importlib.import_module("jax").devices()[0]
        found = first.device_kind if first.platform == "gpu" else ""
    if WANTED == "gpu" and not found:
        print(f"GPURIG_DEVICE is gpu, and Keras with {backend} sees no GPU on this host", flush=True)
        sys.exit(3)
    return f"cuda:0 ({found})" if found else "cpu"


def pictures(count: int, seed: int) -> tuple[Pictures, Labels, Pictures, Labels]:
    """Return `count` pictures to train with, others to test with, and their labels: scikit-learn's 1,797 digits, large.

    A picture to train with is one of the digits, moved a little.
    """
    digits = load_digits()
    large = np.kron(digits.images / 16, np.ones((3, 3))).astype(np.float32)
    large = np.pad(large, [(0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)])[..., None]
    train, test, train_labels, labels = train_test_split(large, digits.target, test_size=0.2, random_state=seed)
    chance = np.random.default_rng(seed)
    drawn = chance.integers(len(train), size=count)
    moves = chance.integers(-SHIFT, SHIFT + 1, size=(count, 2))
    moved = np.stack([np.roll(train[number], tuple(move), (0, 1)) for number, move in zip(drawn, moves, strict=True)])
    return moved, train_labels[drawn], test, labels


def network() -> keras.Model:
    """Return the network, ready to train."""
    layers = keras.layers
    net = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            layers.Conv2D(32, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    net.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return net


def put(path: Path, result: Any) -> None:
    """Write a result as JSON so that it is never seen in part."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


class Progress(keras.callbacks.Callback):
    """A line of log for each epoch, and `history.json` up to now."""

    def __init__(self, epochs: int, history: Path) -> None:
        super().__init__()
        self.count, self.history = epochs, history
        self.epochs: list[dict[str, float]] = []
        self.begun = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self.begun = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Say how the epoch went."""
        row = {name: float(value) for name, value in (logs or {}).items()}
        row["seconds"] = time.perf_counter() - self.begun
        said = f"loss {row['loss']:.5f} accuracy {row['accuracy']:.2%} seconds {row['seconds']:.2f}"
        print(f"[{epoch + 1}/{self.count}] {said}", flush=True)
        self.epochs.append(row)
        put(self.history, self.epochs)


def main() -> None:
    """Train, print a line an epoch, and leave the results."""
    chosen = arguments()
    where = device()
    results = Path(os.environ.get("GPURIG_RESULTS", "results"))
    results.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(chosen.seed)
    count = chosen.pictures // chosen.batch * chosen.batch  # whole steps: another size would be compiled for again
    train, train_labels, test, labels = pictures(count, chosen.seed)
    data = f"scikit-learn's digits, enlarged and moved, {count} pictures"
    print(f"Keras {keras.__version__} with {keras.backend.backend()} on {where}; {data}", flush=True)
    net, progress = network(), Progress(chosen.epochs, results / "history.json")
    # A first step compiles: that must not count as the first epoch's time.
    net.fit(train[: chosen.batch], train_labels[: chosen.batch], batch_size=chosen.batch, verbose=0)
    net.fit(train, train_labels, batch_size=chosen.batch, epochs=chosen.epochs, verbose=0, callbacks=[progress])
    accuracy = float(net.evaluate(test, labels, verbose=0)[1])
    print(f"accuracy on {len(labels)} other pictures: {accuracy:.2%}", flush=True)
    net.save(results / "part.keras")  # under another name until it is whole: results are fetched as they appear
    (results / "part.keras").replace(results / "model.keras")
    bench = {
        "unit": "epoch",
        "seconds": [epoch["seconds"] for epoch in progress.epochs],
        "error": 1 - accuracy,
        "measure": "test error",
        "device": where,
        "seed": chosen.seed,
        "data": data,
        "versions": {"python": platform.python_version(), "keras": keras.__version__, **backend_version()},
    }
    put(results / "bench.json", bench)


def backend_version() -> dict[str, str]:
    """Return the name and the version of what Keras computes with."""
    name = keras.backend.backend()
    return {name: importlib.import_module(name).__version__}


if __name__ == "__main__":
    main()
