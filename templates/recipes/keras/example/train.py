"""Train a convolutional network on pictures of digits with Keras, whatever it computes with.

Results: model.keras, the trained network; history.json, loss and accuracy of each epoch, rewritten after each;
bench.json, seconds per epoch.
Exit codes: 0 trained, 1 it has learnt nothing, 2 wrong arguments, 3 the wanted device is not to be had.
"""

from __future__ import annotations

import argparse
import importlib
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
import results  # noqa: E402
import steps  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pictures = NDArray[np.float32]
    Labels = NDArray[np.int64]
    Sets = tuple[Pictures, Labels, Pictures, Labels]

FIT_BATCH = 100
FIT = f"Model.fit, batches of {FIT_BATCH}, as most scripts have it"
AT_WORK = 5.0
"""Seconds for which a bench goes on when it has its times: nvidia-smi looks twice a second."""
SIDE = 28
SHIFT = 2
"""Pixels by which a picture stands off the middle at most."""


def arguments() -> argparse.Namespace:
    """Return what the user chose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5, help="how often the network sees each picture")
    parser.add_argument("--pictures", type=int, default=12000, help="how many to train with")
    parser.add_argument("--fit", action="store_true", help="train by Model.fit, as most scripts do")
    parser.add_argument("--batch", type=int, default=500, help="pictures of a step")
    parser.add_argument("--seed", type=int, default=0, help="of the pictures, their order and the first weights")
    parser.add_argument("--bench", action="store_true", help="time Model.fit too, and look at the GPU")
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


def pictures(count: int, seed: int) -> Sets:
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


def network(seed: int) -> keras.Model:
    """Return the network, ready to train."""
    keras.utils.set_random_seed(seed)
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


class Progress(keras.callbacks.Callback):
    """A line of log for each epoch of `Model.fit`."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.log, self.begun = log, 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self.begun = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Say how the epoch went."""
        row = logs or {}
        self.log.add(float(row["loss"]), float(row["accuracy"]), time.perf_counter() - self.begun)


class Log:
    """What is said of each epoch, and `history.json` up to now."""

    def __init__(self, count: int, history: Path | None) -> None:
        self.count, self.history = count, history
        self.epochs: list[dict[str, float]] = []

    def add(self, loss: float, accuracy: float, seconds: float) -> None:
        """Say how an epoch went. Ends the program where nothing is learnt any more."""
        number = len(self.epochs) + 1
        said = f"loss {loss:.5f} accuracy {accuracy:.2%} seconds {seconds:.3f}"
        print(f"[{number}/{self.count}] {said}", flush=True)
        results.need_finite(number, loss)
        self.epochs.append({"loss": loss, "accuracy": accuracy, "seconds": seconds})
        if self.history:
            results.put(self.history, self.epochs)


def fit(chosen: argparse.Namespace, sets: Sets, batch: int, log: Log) -> keras.Model:
    """Return a network that `Model.fit` has trained."""
    train, labels, _, _ = sets
    net = network(chosen.seed)
    # A first step compiles: that must not count as the first epoch's time.
    net.fit(train[:batch], labels[:batch], batch_size=batch, verbose=0)
    net.fit(train, labels, batch_size=batch, epochs=chosen.epochs, verbose=0, callbacks=[Progress(log)])
    return net


def learn(chosen: argparse.Namespace, sets: Sets, log: Log) -> tuple[keras.Model, steps.OnJax | steps.OnTorch]:
    """Return a network that was trained with all pictures on the device, and what trained it."""
    train, labels, _, _ = sets
    net = network(chosen.seed)
    learning = steps.on_device(net, train, labels, chosen.batch)
    for number in range(1, chosen.epochs + 1):
        begun = time.perf_counter()
        loss, accuracy, _ = learning.epoch(chosen.seed + number)
        log.add(loss, accuracy, time.perf_counter() - begun)
    learning.finish()
    return net, learning


def tested(net: keras.Model, sets: Sets) -> tuple[float, float]:
    """Return a network's error on other pictures, and that from which on it is guessing. Ends the program there."""
    _, _, test, labels = sets
    error, limit = 1 - float(net.evaluate(test, labels, verbose=0)[1]), results.nothing_learnt(labels)
    print(f"accuracy on {len(labels)} other pictures: {1 - error:.2%}", flush=True)
    results.need_learnt(error, limit)
    return error, limit


def at_work(learning: steps.OnJax | steps.OnTorch) -> dict[str, Any]:
    """Go on for nvidia-smi to see the GPU at work; return from when to when, and what an epoch's seconds go to."""
    begun = time.time()
    while time.time() - begun < AT_WORK:
        _, _, spent = learning.epoch(0)
    return {"between": [begun, time.time()], "spent": spent}


def main() -> None:
    """Train, print a line an epoch, and leave the results."""
    chosen = arguments()
    where = device()
    folder = Path(os.environ.get("GPURIG_RESULTS", "results"))
    folder.mkdir(parents=True, exist_ok=True)
    count = chosen.pictures // chosen.batch * chosen.batch  # whole steps: another size would be compiled for again
    sets = pictures(count, chosen.seed)
    data = f"scikit-learn's digits, enlarged and moved, {count} pictures"
    print(f"Keras {keras.__version__} with {keras.backend.backend()} on {where}; {data}", flush=True)
    log, looked = Log(chosen.epochs, folder / "history.json"), {}
    if chosen.fit:
        net, setting = fit(chosen, sets, chosen.batch, log), f"Model.fit, batches of {chosen.batch:,}"
    else:
        net, learning = learn(chosen, sets, log)
        setting = f"batches of {chosen.batch:,}"
        looked = at_work(learning) if chosen.bench and where != "cpu" else {}
    own = results.measured(log.epochs, *tested(net, sets), setting=setting, pictures=count)
    net.save(folder / "part.keras")  # under another name until it is whole: results are fetched as they appear
    (folder / "part.keras").replace(folder / "model.keras")
    others = []
    if chosen.bench and not chosen.fit:
        print(FIT, flush=True)
        log = Log(chosen.epochs, None)
        net = fit(chosen, sets, FIT_BATCH, log)
        others.append(results.measured(log.epochs, *tested(net, sets), setting=FIT, pictures=count))
    bench = {
        "unit": "epoch",
        **own,
        "measure": "test error",
        "device": where,
        "seed": chosen.seed,
        "data": data,
        "versions": {"python": platform.python_version(), "keras": keras.__version__, **backend_version()},
        "others": others,
        **looked,
    }
    results.put(folder / "bench.json", bench)


def backend_version() -> dict[str, str]:
    """Return the name and the version of what Keras computes with."""
    name = keras.backend.backend()
    return {name: importlib.import_module(name).__version__}


if __name__ == "__main__":
    main()
