"""Train the deep belief network 784-800-800-10 on pictures of digits, on the GPU through CUDAMat or on the CPU.

Python 2.7. The pictures are the 1,797 digits of scikit-learn, resized from 8x8 to 28x28, a third kept back to test on;
`--pictures` makes more to train on by moving the others about, `--mnist` takes MNIST's own from a file.
Results: history.json (every epoch), report.txt (what it gets right), bench.json (the run in figures).
Exit codes: 0 trained, 1 it has learnt nothing, 2 wrong arguments, 3 there is no GPU to compute on.
"""

from __future__ import print_function

import argparse
import collections
import json
import os
import platform
import subprocess
import sys
import time
import warnings

import numpy as np
from pkg_resources import get_distribution
from scipy import ndimage
from sklearn import datasets
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split

SIDE = 28
INK = 20
"""Pixels that the digit itself takes up, each way, as in MNIST; the rest is margin."""
SHIFT = 2
"""Pixels by which a copy of a picture is moved, at most, each way."""
KEPT_BACK = 0.33
LUCK = 0.1
"""What chance may bring of what guessing gets wrong."""
FAILED = 1
"""Exit code where nothing was learnt."""
NO_GPU = 3
"""Exit code where a GPU was asked for and there is none."""
Data = collections.namedtuple("Data", "train train_labels test test_labels source")
"""Pictures as rows of 784 numbers between 0 and 1, their labels, and what they are."""


def options():
    """Return the command line, checked."""
    parser = argparse.ArgumentParser(description="a deep belief network that tells digits apart")
    parser.add_argument("--epochs", type=int, default=10, help="how often to go through the pictures (10)")
    parser.add_argument("--pictures", type=int, default=0, help="how many to train on, made out of 1,203 digits")
    parser.add_argument("--mnist", metavar="FILE.npz", help="MNIST, with arrays x_train, y_train, x_test and y_test")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (0)")
    chosen = parser.parse_args()
    if chosen.epochs < 1:
        parser.error("--epochs has to be 1 or more")
    if chosen.mnist and chosen.pictures:
        parser.error("--pictures makes more of scikit-learn's digits; leave it out beside --mnist")
    try:
        chosen.data = mnist(chosen.mnist, chosen.seed) if chosen.mnist else made(chosen.pictures, chosen.seed)
    except ValueError as error:
        parser.error(str(error))
    return chosen


def made(count, seed):
    """Return scikit-learn's digits, with `count` pictures to train on, or, for 0, as many as there are.

    Those to test on are kept apart before any is moved about. Raises `ValueError` where `count` is too small.
    """
    digits = datasets.load_digits()
    grey = ndimage.zoom(digits.images.astype("float32") / 16, (1, INK / 8.0, INK / 8.0), order=1)
    # As thin as MNIST's strokes: on pictures with twice the ink, a learning rate of 0.3 diverges.
    ink = np.clip(2 * grey - 1, 0, 1)
    margin = (SIDE - INK) // 2
    pictures = np.pad(ink, ((0, 0), (margin, margin), (margin, margin)), "constant")
    train, test, labels, test_labels = train_test_split(pictures, digits.target, test_size=KEPT_BACK, random_state=seed)
    if count and count < len(train):
        raise ValueError("--pictures {0}: there are {1} already".format(count, len(train)))
    train, labels = _enlarged(train, labels, max(count, len(train)), np.random.RandomState(seed))
    source = "{} pictures made out of scikit-learn's digits".format(len(train))
    return Data(_rows(train), labels, _rows(test), test_labels, source)


def mnist(path, seed):
    """Return the pictures of a file. Raises `ValueError` where it is not such a file."""
    names = ("x_train", "y_train", "x_test", "y_test")
    try:
        loaded = np.load(path, allow_pickle=False)
    except IOError as error:
        raise ValueError("--mnist {0}: {1}".format(path, error.strerror or "not a file that can be read"))
    except ValueError:
        raise ValueError("--mnist {0}: not a file that NumPy wrote".format(path))
    if not isinstance(loaded, np.lib.npyio.NpzFile) or not set(names) <= set(loaded.files):
        raise ValueError("--mnist {0}: it has no arrays {1}".format(path, ", ".join(names)))
    pictures = np.concatenate([loaded["x_train"], loaded["x_test"]])
    labels = np.concatenate([loaded["y_train"], loaded["y_test"]])
    if pictures.shape[1:] not in ((SIDE, SIDE), (SIDE * SIDE,)) or labels.shape != (len(pictures),):
        raise ValueError("--mnist {0}: not pictures of {1}x{1} pixels with a label each".format(path, SIDE))
    rows = _rows(pictures.astype("float32") / max(1, pictures.max()))
    train, test, train_labels, test_labels = train_test_split(
        rows, labels.astype(int), test_size=KEPT_BACK, random_state=seed
    )
    source = "{0} pictures of {1}".format(len(train), os.path.basename(path))
    return Data(train, train_labels, test, test_labels, source)


def _enlarged(pictures, labels, count, random):
    """Return `count` pictures: these, then copies of them, each moved by up to `SHIFT` pixels."""
    copied = random.randint(len(pictures), size=count - len(pictures))
    steps = random.randint(-SHIFT, SHIFT + 1, size=(len(copied), 2))
    # The margin is wider than a step: what is rolled out at one side is blank at the other.
    moved = [np.roll(np.roll(pictures[i], y, axis=0), x, axis=1) for i, y, x in np.column_stack([copied, steps])]
    return np.concatenate([pictures, np.array(moved).reshape(-1, SIDE, SIDE)]), np.append(labels, labels[copied])


def _rows(pictures):
    return pictures.reshape(len(pictures), SIDE * SIDE)


def device(wanted):
    """Return "cpu" or "cuda:0 (its name)", and make gnumpy compute there; ends the program where that cannot be.

    gnumpy itself asks only whether cudamat can be imported: without a GPU it would fail in the midst of the training.
    """
    why = "" if wanted == "cpu" else _why_no_gpu()
    if wanted == "gpu" and why:
        print("dbn.py: a GPU was asked for, and there is none to compute on: " + why, file=sys.stderr)
        sys.exit(NO_GPU)
    on_gpu = wanted != "cpu" and not why
    os.environ["GNUMPY_USE_GPU"] = "yes" if on_gpu else "no"
    if wanted == "auto" and why:
        print("computing on the CPU: " + why)
    return "cuda:0 ({})".format(_gpu_name()) if on_gpu else "cpu"


def _why_no_gpu():
    """Return why CUDAMat cannot compute on a GPU here, or "" where it can."""
    try:
        import cudamat
    except (ImportError, OSError) as error:
        return "CUDAMat is not there ({}); install it: fab setup-cudamat".format(error)
    try:
        cudamat.cuda_set_device(0)
        cudamat.cublas_init()
    except cudamat.CUDAMatException as error:
        return "CUDAMat finds no GPU ({})".format(str(error).strip())
    return ""


def _gpu_name():
    query = ["nvidia-smi", "--id=0", "--query-gpu=name", "--format=csv,noheader"]
    return subprocess.check_output(query).decode().strip()


def trained(data, epochs):
    """Return the trained network and what every epoch took and reached: seconds, loss, error, each a list."""
    import gnumpy

    # It is announced to go in a nolearn 0.6 that never came to Python 2.7.
    warnings.filterwarnings("ignore", r"\s*The nolearn\.dbn module")
    from nolearn.dbn import DBN

    gnumpy.board_id_to_use = 0
    history = {"seconds": [], "loss": [], "error": []}
    clock = [time.time()]

    def after(network, epoch):
        now = time.time()
        history["seconds"].append(now - clock[0])
        history["loss"].append(float(network.losses_fine_tune_[-1]))
        history["error"].append(float(network.errors_fine_tune_[-1]))
        clock[0] = now
        line = "Epoch {0}:  loss {loss[0]:.6f}  err {error[0]:.6f}  ({seconds[0]:.1f} s)"
        print(line.format(epoch, **{name: values[-1:] for name, values in history.items()}))
        sys.stdout.flush()
        if not np.isfinite(history["loss"][-1]):
            failed("epoch {0}: the loss is {1}, and nothing more is learnt".format(epoch, history["loss"][-1]))

    layers = [data.train.shape[1], 800, 800, 10]
    print("[DBN] fitting X.shape={0}, layers {1}".format(data.train.shape, layers))
    sys.stdout.flush()
    network = DBN(layers, learn_rates=0.3, learn_rate_decays=0.9, epochs=epochs, fine_tune_callback=after)
    clock[0] = time.time()
    network.fit(data.train, data.train_labels)
    return network, history


def failed(why):
    """End the program where nothing is learnt."""
    print("dbn.py: " + why, file=sys.stderr)
    sys.exit(FAILED)


def nothing_learnt(labels):
    """Return the error from which on a network does no better than to say the most frequent of these labels always."""
    return (1 - LUCK) * (1 - float(np.bincount(labels).max()) / len(labels))


def written(folder, name, text):
    """Write a result whole or not at all: what appears under its name is fetched at once."""
    path = os.path.join(folder, name)
    with open(path + ".part", "w") as file:
        file.write(text)
    os.rename(path + ".part", path)


def main():
    """Train, test, report."""
    began = time.time()
    chosen = options()
    folder = os.environ.get("GPURIG_RESULTS", "results")
    if not os.path.isdir(folder):
        os.makedirs(folder)
    computed_on = device(os.environ.get("GPURIG_DEVICE", "auto"))
    print("[X] {0}; computing on {1}".format(chosen.data.source, computed_on))
    np.random.seed(chosen.seed)
    started = time.time()
    network, history = trained(chosen.data, chosen.epochs)
    ended = time.time()
    predicted = network.predict(chosen.data.test)
    total = time.time() - began
    error = float(np.mean(predicted != chosen.data.test_labels))
    report = classification_report(chosen.data.test_labels, predicted)
    report += "\nerror {0:.4f} on {1} pictures kept back; total {2:.1f} s\n".format(error, len(predicted), total)
    print(report)
    limit = nothing_learnt(chosen.data.test_labels)
    if not error < limit:
        failed("error {0:.4f}, and from {1:.4f} on it is guessing: it has learnt nothing".format(error, limit))
    record = {
        "unit": "epoch",
        "seconds": history["seconds"],
        "losses": history["loss"],
        "error": error,
        "nothing_learnt": limit,
        "pictures": len(chosen.data.train),
        "between": [started, ended],
        "measure": "validation error",
        "device": computed_on,
        "seed": chosen.seed,
        "data": chosen.data.source,
        "versions": {name: get_distribution(name).version for name in ("nolearn", "gnumpy", "gdbn", "numpy")},
    }
    record["versions"]["python"] = platform.python_version()
    written(folder, "history.json", json.dumps(dict(history, total=total, validation_error=error), indent=1))
    written(folder, "report.txt", report)
    written(folder, "bench.json", json.dumps(record, indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
