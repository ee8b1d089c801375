"""Sweep LeNet's learning rate over the hosts of a cluster with Ray Tune: a trial per rate, and the poor ones end early.

Runs in the cluster, as `fab example-ray` or `fab run --ray -- python sweep.py` starts it.

Results: sweep.json, of each trial its rate, its host and each epoch's loss and error; sweep.png; best.pt, the weights
of the trial with the lowest error. Exit codes: 0, 1 a trial failed, or none has learnt anything, 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lenet
import matplotlib as mpl
import mnist
import ray
import results
import torch
import training
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

if TYPE_CHECKING:
    from mnist import Set

RATES = (0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
LOST = 1.0
"""The error of a trial whose loss is no number any more."""
REDUCTION = 3
"""Of so many trials that come to an epoch at which some end, the best one goes on."""


class Best:
    """Keeps the weights of the best trial so far, on the host whose results are fetched."""

    def __init__(self, folder: str) -> None:
        self.folder, self.error = Path(folder), math.inf

    def offer(self, error: float, weights: bytes) -> None:
        """Take weights, as torch saves them, where no others had so low an error."""
        if error < self.error:
            self.error = error
            part = self.folder / "best.pt.part"
            part.write_bytes(weights)
            part.replace(self.folder / "best.pt")


def trial(config: dict[str, Any], sets: tuple[Set, Set], best: Any) -> None:
    """Train with one rate, and report each epoch."""
    where, _ = lenet.device()
    train, test = ((x.to(where), y.to(where)) for x, y in sets)
    torch.manual_seed(config["seed"])
    setting = training.Setting("", config["batch"], config["rate"], adam=True, recorded=True)
    learning = training.Training(lenet.LeNet().to(where), train, setting, config["seed"])
    for _ in range(config["epochs"]):
        loss, _, seconds = learning.epoch()
        error = training.error(learning.net, test) if math.isfinite(loss) else LOST
        weights = io.BytesIO()
        torch.save({name: value.cpu() for name, value in learning.net.state_dict().items()}, weights)
        ray.get(best.offer.remote(error, weights.getvalue()))
        tune.report({"loss": loss, "error": error, "seconds": seconds, "host": ray.util.get_node_ip_address()})
        if not math.isfinite(loss):
            return


class Told(tune.Callback):
    """Prints a line an epoch, and keeps what it says."""

    def __init__(self) -> None:
        self.rows: dict[float, dict[str, Any]] = {}

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict[str, Any], **_: Any) -> None:  # noqa: ARG002 - Tune's
        """Take what a trial reports."""
        rate = trial.config["rate"]
        row = self.rows.setdefault(rate, {"rate": rate, "host": result["host"], "epochs": []})
        loss = result["loss"] if math.isfinite(result["loss"]) else None  # JSON has no other word for it
        row["epochs"].append({"loss": loss, "error": result["error"], "seconds": result["seconds"]})
        print(f"rate {rate:<7g} epoch {len(row['epochs'])} error {result['error']:.4f} on {result['host']}", flush=True)


def arguments() -> argparse.Namespace:
    """Return what the user chose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, metavar="RATE", help="learning rates to try")
    parser.add_argument("--epochs", type=int, default=9, help="how often the best trials see each picture")
    parser.add_argument("--pictures", type=int, default=12000, help="how many; a sixth as many more to test")
    parser.add_argument("--batch", type=int, default=lenet.OWN.batch, help="pictures of a step")
    parser.add_argument("--seed", type=int, default=0, help="of the pictures, their order and the first weights")
    chosen = parser.parse_args()
    if min(chosen.epochs, chosen.batch, chosen.pictures // 6) < 1 or min(chosen.rates) <= 0:
        parser.error("it takes at least one epoch, one picture a step, 6 pictures, and rates above 0")
    return chosen


def swept(
    chosen: argparse.Namespace, sets: tuple[Set, Set], folder: Path
) -> tuple[list[dict[str, Any]], list[Exception]]:
    """Run the trials, as many at once as the cluster has cores or GPUs.

    Returns what they told, the best one first, and why some of them failed.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    best = ray.remote(Best).options(num_cpus=0, scheduling_strategy=here).remote(str(folder))
    given = tune.with_parameters(trial, sets=sets, best=best)
    needs = {"cpu": 1, "gpu": 1 if ray.cluster_resources().get("GPU") else 0}
    told = Told()
    fixed = {name: getattr(chosen, name) for name in ("epochs", "batch", "seed")}
    grid = tune.Tuner(
        tune.with_resources(given, needs),
        param_space={"rate": tune.grid_search(sorted(set(chosen.rates))), **fixed},
        tune_config=tune.TuneConfig(
            metric="error",
            mode="min",
            scheduler=ASHAScheduler(max_t=chosen.epochs, grace_period=1, reduction_factor=REDUCTION),
        ),
        # What Tune itself writes is no result: the state of a sweep that ends with its run.
        run_config=tune.RunConfig(
            name="tune", storage_path=os.environ.get("GPURIG_RUN", str(folder)), verbose=0, callbacks=[told]
        ),
    ).fit()
    rows = sorted(told.rows.values(), key=lambda row: min(epoch["error"] for epoch in row["epochs"]))
    return rows, list(grid.errors)


def table(rows: list[dict[str, Any]]) -> str:
    """Return the trials as a table."""
    lines = [f"{'rate':>8}  {'epochs':>6}  {'error':>7}  {'seconds':>7}  host"]
    for row in rows:
        epochs = row["epochs"]
        error, seconds = min(e["error"] for e in epochs), sum(e["seconds"] for e in epochs)
        lines.append(f"{row['rate']:>8g}  {len(epochs):>6}  {error:>7.4f}  {seconds:>7.1f}  {row['host']}")
    return "\n".join(lines)


def plot(rows: list[dict[str, Any]], limit: float, path: Path) -> None:
    """Draw each trial's error by epoch."""
    page = Figure(figsize=(9, 5.5), dpi=120, layout="constrained")
    axes = page.subplots()
    colours = mpl.colormaps["viridis"]
    for place, row in enumerate(sorted(rows, key=lambda row: row["rate"])):
        errors = [epoch["error"] for epoch in row["epochs"]]
        colour = colours(place / max(1, len(rows) - 1))
        axes.plot(range(1, len(errors) + 1), errors, marker="o", color=colour, label=f"{row['rate']:g}")
    axes.axhline(limit, color="grey", linestyle=":", label="guessing")
    axes.set(title="LeNet by learning rate", xlabel="epoch", ylabel="test error", yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(title="learning rate", loc="center left", bbox_to_anchor=(1, 0.5))
    page.savefig(path.with_name(f"part.{path.name}"))
    path.with_name(f"part.{path.name}").replace(path)


def main() -> None:
    """Sweep, print a line an epoch and the table, and leave the results."""
    chosen = arguments()
    folder = Path(os.environ.get("GPURIG_RESULTS", "results"))
    folder.mkdir(parents=True, exist_ok=True)
    ray.init(log_to_driver=False)
    nodes = {node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    print(f"{len(set(chosen.rates))} rates on {len(nodes)} hosts", flush=True)
    sets = mnist.generated(chosen.pictures, chosen.pictures // 6, chosen.seed)
    rows, failed = swept(chosen, sets, folder)
    if not rows:
        sys.exit(f"no trial came to the end of an epoch: {failed[0] if failed else 'nobody says why'}")
    limit = results.nothing_learnt(sets[1][1])
    print(table(rows), flush=True)
    report = {
        "trials": rows,
        "nothing_learnt": limit,
        "hosts": sorted(nodes),
        "seed": chosen.seed,
        "failed": len(failed),
    }
    results.put(folder / "sweep.json", report)
    plot(rows, limit, folder / "sweep.png")
    if failed:
        sys.exit(f"{len(failed)} of {len(set(chosen.rates))} trials failed, and are not in the table: {failed[0]}")
    results.need_learnt(min(e["error"] for e in rows[0]["epochs"]), limit, "other --rates may help")


if __name__ == "__main__":
    main()
