"""Train a LeNet on pictures of digits by the Keras interface, on the GPU or the CPU.

Results: model.keras, the trained network; results.json, loss and accuracy of each epoch.
Exit codes: 0 trained, 1 it has learnt nothing, 2 wrong arguments, 3 the wanted device is not to be had.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

WANTED = os.environ.get("GPURIG_DEVICE", "auto")
if WANTED == "cpu" or not Path("/dev/nvidiactl").exists():
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # said before TensorFlow looks for a GPU, and complains of what it finds

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402

keras = tf.keras
LONGEST = 1.0
"""Length that a step's slopes are cut to: by longer ones, a rate of 0.1 loses all where there are many pictures."""
LUCK = 0.1
"""What chance may bring of what guessing gets wrong."""


def arguments() -> argparse.Namespace:
    """Return what the user chose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5, help="how often the network sees each picture")
    parser.add_argument("--pictures", type=int, default=12000, help="how many to generate")
    parser.add_argument("--mnist", type=Path, metavar="FILE", help="train on MNIST: Keras' mnist.npz")
    parser.add_argument("--batch", type=int, default=100, help="pictures of a step")
    parser.add_argument("--seed", type=int, default=0, help="of the pictures, their order and the first weights")
    chosen = parser.parse_args()
    if min(chosen.epochs, chosen.batch, chosen.pictures) < 1:
        parser.error("it takes at least one epoch, one picture a step and one picture")
    return chosen


def device() -> str:
    """Return the name of what TensorFlow computes on. Ends the program where $GPURIG_DEVICE is not to be had."""
    gpus = tf.config.list_physical_devices("GPU")
    if WANTED == "gpu" and not gpus:
        print("GPURIG_DEVICE is gpu, and TensorFlow sees no GPU on this host", flush=True)
        sys.exit(3)
    return f"gpu ({tf.config.experimental.get_device_details(gpus[0])['device_name']})" if gpus else "cpu"


def pictures(count: int, seed: int) -> tuple[Any, ...]:
    """Return 28 x 28 pictures to train with, others to test with, and the labels of both.

    They are scikit-learn's 1,797 digits, enlarged; those to train with are each a little lighter or darker.
    """
    digits = load_digits()
    large = tf.pad(tf.image.resize(digits.images[..., None] / 16, (20, 20)), [(0, 0), (4, 4), (4, 4), (0, 0)]).numpy()
    train, test, train_labels, labels = train_test_split(large, digits.target, test_size=0.2, random_state=seed)
    chance = np.random.default_rng(seed)
    drawn = chance.integers(len(train), size=count)
    light = chance.uniform(0.7, 1, (count, 1, 1, 1)).astype(np.float32)
    return train[drawn] * light, test, train_labels[drawn], labels


def mnist(file: Path) -> tuple[Any, ...]:
    """Return MNIST's pictures and labels in the same order, from the file that Keras publishes."""
    with np.load(file) as sets:
        train, test = (sets[name][..., None].astype(np.float32) / 255 for name in ("x_train", "x_test"))
        return train, test, sets["y_train"], sets["y_test"]


def lenet() -> Any:
    """Return the network: two convolutions, each halved by pooling, and three dense layers."""
    layers = keras.layers
    net = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 3, padding="same"),
            layers.MaxPool2D(2),
            layers.Conv2D(16, 5),
            layers.MaxPool2D(2),
            layers.Flatten(),
            layers.Dense(120),
            layers.Dense(84),
            layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(optimizer=keras.optimizers.SGD(0.1, global_clipnorm=LONGEST), loss=loss, metrics=["accuracy"])
    return net


class Progress(keras.callbacks.Callback):
    """A line of log for each epoch, and what they said."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.count, self.epochs, self.begun = epochs, [], 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self.begun = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Say how the epoch went."""
        row = {**(logs or {}), "seconds": time.perf_counter() - self.begun}
        said = f"loss {row['loss']:.5f} accuracy {row['accuracy']:.2%} seconds {row['seconds']:.2f}"
        print(f"[{epoch + 1}/{self.count}] {said}", flush=True)
        if not math.isfinite(row["loss"]):
            raise SystemExit(f"epoch {epoch + 1}: the loss is {row['loss']}, and nothing more is learnt")
        self.epochs.append(row)


def main() -> None:
    """Train, print a line an epoch, and leave the results."""
    chosen = arguments()
    keras.utils.set_random_seed(chosen.seed)
    where = device()
    results = Path(os.environ.get("GPURIG_RESULTS", "results"))
    results.mkdir(parents=True, exist_ok=True)
    sets = mnist(chosen.mnist) if chosen.mnist else pictures(chosen.pictures, chosen.seed)
    train, test, train_labels, labels = sets
    print(f"LeNet on {where}; {len(train)} pictures", flush=True)
    net, progress = lenet(), Progress(chosen.epochs)
    net.fit(train, train_labels, batch_size=chosen.batch, epochs=chosen.epochs, verbose=0, callbacks=[progress])
    _, accuracy = net.evaluate(test, labels, verbose=0)
    print(f"accuracy on {len(labels)} other pictures: {accuracy:.2%}", flush=True)
    limit = (1 - LUCK) * (1 - int(np.bincount(labels).max()) / len(labels))  # of who always says the most frequent one
    if not 1 - accuracy < limit:
        raise SystemExit(f"error {1 - accuracy:.4f}, and from {limit:.4f} on it is guessing: it has learnt nothing")
    # Under another name until it is whole: results are fetched as they appear.
    net.save(results / "part.keras")
    (results / "part.keras").replace(results / "model.keras")
    report = {"epochs": progress.epochs, "accuracy": accuracy, "device": where}
    (results / "results.json.part").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (results / "results.json.part").replace(results / "results.json")


if __name__ == "__main__":
    main()
