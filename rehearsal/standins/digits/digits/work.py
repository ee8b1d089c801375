"""`python -m digits.work DIRECTORY`: work on one job: make a data set of pictures, or train on one.

What is trained is a softmax regression on the pixels: real, small, and no network.
"""

import sys
import time
import traceback
from pathlib import Path

import numpy as np
from PIL import Image

from digits import jobs

BATCH = 64
RATE = 0.1
PAUSE = 0.1  # seconds for each epoch, so that its progress can be seen


def data_set(path: Path, fields: dict[str, str]) -> None:
    """Read a folder of pictures for each class, and keep each one's pixels and class."""
    size = int(fields["resize_width"]), int(fields["resize_height"])
    folders = sorted(folder for folder in Path(fields["folder_train"]).iterdir() if folder.is_dir())
    pixels, classes = [], []
    for index, folder in enumerate(folders):
        jobs.update(path, status="Running", progress=100 * index // len(folders))
        for picture in sorted(folder.glob("*.png")):
            with Image.open(picture) as image:
                pixels.append(np.asarray(image.convert("L").resize(size), dtype=np.uint8).ravel())
            classes.append(index)
    order = np.random.default_rng(0).permutation(len(classes))
    validation = len(classes) * int(fields["folder_pct_val"]) // 100
    np.savez(path / "pictures.npz", x=np.array(pixels)[order], y=np.array(classes)[order], validation=validation)
    (path / "labels.txt").write_text("".join(f"{folder.name}\n" for folder in folders), encoding="utf-8")
    entries = {"Create DB (train)": len(classes) - validation, "Create DB (val)": validation}
    jobs.update(path, CreateDbTasks=[{"name": name, "entries": count} for name, count in entries.items()])


def _scores(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return probabilities by picture and class, the mean loss, and the share that is right."""
    raw = x @ weights
    raw -= raw.max(axis=1, keepdims=True)
    chances = np.exp(raw)
    chances /= chances.sum(axis=1, keepdims=True)
    loss = -np.log(chances[np.arange(len(y)), y] + 1e-12).mean()
    return chances, float(loss), float((chances.argmax(axis=1) == y).mean())


def train(path: Path, fields: dict[str, str]) -> None:
    """Train for some epochs, and say after each one how good it is on the pictures kept for validation."""
    data = np.load(path.parent / fields["dataset"] / "pictures.npz")
    x = np.hstack([data["x"] / 255, np.ones((len(data["y"]), 1))])
    y, kept, epochs = data["y"], int(data["validation"]), int(fields["train_epochs"])
    rng = np.random.default_rng(int(fields.get("random_seed") or 0))
    weights = np.zeros((x.shape[1], y.max() + 1))
    for epoch in range(1, epochs + 1):
        order = kept + rng.permutation(len(y) - kept)
        for batch in np.split(order, range(BATCH, len(order), BATCH)):
            error, loss, _ = _scores(x[batch], y[batch], weights)
            error[np.arange(len(batch)), y[batch]] -= 1
            weights -= RATE * x[batch].T @ error / len(batch)
        _, validation, accuracy = _scores(x[:kept], y[:kept], weights)
        outputs = {"loss (train) last": loss, "loss (val) last": validation, "accuracy (val) last": accuracy}
        print(f"epoch {epoch}: {outputs}", flush=True)
        jobs.update(path, status="Running", progress=100 * epoch // epochs, outputs=outputs)
        time.sleep(PAUSE)
    np.save(path / "weights.npy", weights)


def main() -> None:
    """Bring the job from Initialized to Done, Error or Aborted."""
    path = Path(sys.argv[1])
    job = jobs.read(path)
    try:
        (data_set if job["type"] == "dataset" else train)(path, job["fields"])
        jobs.update(path, status="Done", progress=100, elapsed=time.time() - job["began"])
    except KeyboardInterrupt:
        jobs.update(path, status="Aborted")
    except Exception:  # noqa: BLE001 - whatever it is: it is in the log, and the job has failed
        traceback.print_exc()
        jobs.update(path, status="Error")


if __name__ == "__main__":
    main()
