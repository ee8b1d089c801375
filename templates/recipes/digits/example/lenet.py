"""Train a LeNet on handwritten-looking digits through DIGITS' REST interface; the jobs stay in DIGITS.

Exit codes: 0 trained, 1 it could not (the reason is printed), 2 wrong arguments, 3 the wanted device is not to be had.
"""

from __future__ import annotations

import argparse
import getpass
import json
import math
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pictures
from rest import Digits, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rest import Job

VALIDATION = 25  # percent
GUESSING = 0.1  # ten digits, as many pictures of each
LUCK = 0.1  # of the others, guessed right by chance
SILENT = 5  # seconds without a line, at most, while there is progress
GPUS = Path("/proc/driver/nvidia/gpus")


def say(text: str) -> None:
    """Print a line that is seen at once."""
    print(text, flush=True)


def arguments() -> argparse.Namespace:
    """Return what the user chose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10, help="how often the network sees each picture")
    parser.add_argument("--per-class", type=int, default=300, help="pictures of each digit; a quarter validates")
    parser.add_argument("--seed", type=int, default=1, help="of the pictures and of the network's first weights")
    parser.add_argument(
        "--pictures", type=Path, default=Path("pictures"), help="folder of the pictures, which DIGITS reads"
    )
    parser.add_argument("--framework", default="caffe", help="what DIGITS trains with")
    parser.add_argument("--url", default="http://127.0.0.1:5001", help="where DIGITS is")
    parser.add_argument("--pages", default="http://127.0.0.1:5000", help="where you see its pages, through fab tunnel")
    parser.add_argument("--user", default=getpass.getuser().lower(), help="name of the jobs' owner in DIGITS")
    parser.add_argument("--patience", type=float, default=300, help="seconds without any progress before it gives up")
    chosen = parser.parse_args()
    if min(chosen.epochs, chosen.per_class // 4) < 1:
        parser.error("it takes at least one epoch, and 4 pictures of each digit")
    if not re.fullmatch(r"[a-z][a-z0-9._-]*", chosen.user):
        parser.error("--user: DIGITS takes lowercase letters, digits, dots, dashes and underscores, a letter first")
    return chosen


def has_gpu() -> bool:
    """Return whether NVIDIA's driver has a GPU here."""
    return GPUS.is_dir() and any(GPUS.iterdir())


def device() -> str:
    """Return what DIGITS will compute on: the GPU wherever there is one. Ends the program if that is not wanted."""
    found = "gpu" if has_gpu() else "cpu"
    wanted = os.environ.get("GPURIG_DEVICE", "auto")
    if wanted not in ("auto", found):
        why = "this host has no GPU" if wanted == "gpu" else "DIGITS takes the GPU wherever there is one"
        say(f"GPURIG_DEVICE is {wanted!r}: {why}")
        sys.exit(3)
    return found


def number(state: dict[str, Any], output: str) -> float | None:
    """Return the last value of an output of the network ("accuracy (val)"), or None where there is none yet."""
    value = state.get(f"{output} last")
    if isinstance(value, list):  # of several test runs in one epoch
        value = value[-1]
    return float(value) if value is not None else None


def data_set(digits: Digits, chosen: argparse.Namespace) -> Job:
    """Draw the pictures and have a data set made of them."""
    folder = chosen.pictures.resolve()
    count = pictures.write(folder, chosen.per_class, chosen.seed)
    say(f"{count} pictures of digits, {pictures.SIDE} x {pictures.SIDE}, in {folder}")
    job = digits.create(
        "datasets",
        dataset_name=f"digits, {count} pictures",
        method="folder",
        folder_train=folder,
        folder_pct_val=VALIDATION,
        encoding="png",
        resize_channels=1,
        resize_width=pictures.SIDE,
        resize_height=pictures.SIDE,
    )
    for state in digits.watch(job, patience=chosen.patience):
        say(f"data set {job.id}: {state['status']}, {state.get('progress', 0)} %")
    return job


def train(digits: Digits, chosen: argparse.Namespace, data: Job) -> tuple[Job, list[dict[str, float]]]:
    """Have a LeNet trained; return its job, and loss and accuracy on the validation pictures by epoch."""
    network = {"method": "standard", "standard_networks": "lenet", "framework": chosen.framework, "dataset": data.id}
    name = f"LeNet on digits, {chosen.epochs} epochs"
    try:
        job = digits.create("models", model_name=name, train_epochs=chosen.epochs, random_seed=chosen.seed, **network)
    except Refusal as error:
        advice = (
            "\nDIGITS started without it, and said why: journalctl -u 'digits*'" if "framework" in str(error) else ""
        )
        raise Refusal(f"{error}{advice}") from error
    say(f"LeNet {job.id}: {job.page}")
    try:
        # Loss and accuracy of one validation may come one after the other: what came last holds.
        return job, list({row["epoch"]: row for row in progress(digits, chosen, job)}.values())
    except Refusal as error:
        if has_gpu() or digits.details(job).get("caffe flavor") != "NVIDIA":
            raise
        raise Refusal(f"{error}\nNVIDIA's Caffe computes on GPUs, and this host has none") from error
    except KeyboardInterrupt:
        say(f"stopped watching; the training goes on in DIGITS, and can be aborted on its page: {job.page}")
        sys.exit(130)


def progress(digits: Digits, chosen: argparse.Namespace, job: Job) -> Iterator[dict[str, float]]:
    """Print what is new in a training, and how far it is every few seconds; yield each new validation."""
    seen: tuple[object, ...] = ()
    printed = 0.0
    for state in digits.watch(job, patience=chosen.patience):
        epoch = state.get("progress", 0) / 100 * chosen.epochs
        words = [f"{state['status']}, epoch {epoch:.1f} of {chosen.epochs}"]
        loss, accuracy = number(state, "loss (val)"), number(state, "accuracy (val)")
        if (training := number(state, "loss (train)")) is not None:
            words.append(f"training loss {training:.4f}")
        if loss is not None and accuracy is not None:
            words.append(f"loss {loss:.4f}, accuracy {100 * accuracy:.2f} %")
            if (loss, accuracy) != seen[1:]:
                yield {"epoch": round(epoch, 2), "loss": loss, "accuracy": accuracy}
        news = (state["status"], loss, accuracy)
        if news != seen or time.monotonic() - printed > SILENT:
            say(f"LeNet {job.id}: {', '.join(words)}")
            seen, printed = news, time.monotonic()


def need_learnt(curve: list[dict[str, float]]) -> None:
    """Raise `Refusal` for a loss that is no number, and for a network that is no better than guessing."""
    for row in curve:
        if not math.isfinite(row["loss"]):
            raise Refusal(f"epoch {row['epoch']:g}: the loss is {row['loss']}, and nothing more is learnt")
    accuracy = curve[-1]["accuracy"]
    if not accuracy > GUESSING + LUCK * (1 - GUESSING):
        raise Refusal(
            f"accuracy {100 * accuracy:.2f} %, and guessing gives {100 * GUESSING:.0f} %: it has learnt nothing"
        )


def write(folder: Path, result: dict[str, Any]) -> None:
    """Write the result, and its curves where matplotlib is there to draw them."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".result.json.part"
    part.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    part.rename(folder / "result.json")
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - optional
    except ImportError:
        return
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    epochs = [row["epoch"] for row in result["curve"]]
    (loss,) = axes.plot(epochs, [row["loss"] for row in result["curve"]], "o-", color="tab:red", label="loss")
    axes.set(xlabel="epoch", ylabel="loss", title=f"{result['network']}: accuracy {100 * result['accuracy']:.2f} %")
    right = axes.twinx()
    percent = [100 * row["accuracy"] for row in result["curve"]]
    (accuracy,) = right.plot(epochs, percent, "o-", color="tab:blue", label="accuracy")
    right.set(ylabel="accuracy, %", ylim=(0, 100))
    axes.legend(handles=[loss, accuracy], loc="center right")
    part = folder / ".curves.png.part"
    figure.savefig(part, format="png", dpi=100)
    part.rename(folder / "curves.png")


def summary(
    chosen: argparse.Namespace, index: dict[str, Any], data: dict[str, Any], model: dict[str, Any]
) -> dict[str, Any]:
    """Return what was made of what, for the result; figures of a stand-in say that they are one's."""
    stand_in = "stand_in" in index
    return {
        "network": f"{model['network']} (stand-in)" if stand_in else "LeNet",
        **({"stand_in": True} if stand_in else {}),
        "epochs": chosen.epochs,
        "seed": chosen.seed,
        "pictures": {task["name"]: task["entries"] for task in data.get("CreateDbTasks", [])},
        "versions": {"digits": index["version"], **{k: v for k, v in model.items() if k.startswith("caffe ")}},
        "jobs": {"data set": data["id"], "model": model["id"], "directory": index["jobs_dir"]},
    }


def main() -> None:
    """Do it all; what is printed is the log that the user watches."""
    chosen, computed_on = arguments(), device()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    digits = Digits(chosen.url, chosen.pages)
    index = digits.login(chosen.user)
    say(f"DIGITS {index['version']} at {digits.url}, as user {chosen.user}, jobs in {index['jobs_dir']}")
    if "stand_in" in index:
        say(index["stand_in"])
    data = data_set(digits, chosen)
    start = time.monotonic()
    model, curve = train(digits, chosen, data)
    seconds = round(time.monotonic() - start, 1)
    if not curve:
        raise Refusal(f"{model.page} is done, and was never validated: nothing says how good it is")
    need_learnt(curve)
    result = {
        **summary(chosen, index, digits.details(data), digits.details(model)),
        "accuracy": curve[-1]["accuracy"],
        "loss": curve[-1]["loss"],
        "seconds": seconds,
        "device": computed_on,
        "curve": curve,
    }
    write(Path(os.environ.get("GPURIG_RESULTS", "results")), result)
    percent = f"{100 * result['accuracy']:.2f} %"
    say(f"accuracy {percent} on pictures that {result['network']} has not seen, after {seconds} s")
    say(f"the jobs stay in {index['jobs_dir']}: {data.id}, {model.id}")
    say(f"the model's page, through fab tunnel: {model.page}")


if __name__ == "__main__":
    try:
        main()
    except Refusal as error:
        say(f"error: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
