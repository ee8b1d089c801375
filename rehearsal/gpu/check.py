"""`make gpu-check`: every recipe that can run on this machine's card, tried on it, and written down.

Writes gpu-check.json (what came out, also half way), check.log (all that was said) and the benches' results and plots
into a folder. From a gpu-check.json in docs/tried, `fab recipes` and docs/compatibility.md have their marks.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearsal.boxes import card, roots
from rehearsal.errors import RehearsalError
from rehearsal.gpu import offline
from rehearsal.gpu.attempt import Attempt, attempt
from rehearsal.gpu.choice import choose, licences, notice
from rehearsal.gpu.desk import Wish, as_user, desk, on_card

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.boxes.roots import Root
    from rehearsal.gpu.choice import Choice
    from rehearsal.gpu.desk import Desk

IMAGES = {"dlami-pytorch-24.04": "ubuntu-24.04", "ubuntu-22.04": "ubuntu-22.04", "debian-12": "debian-12"}
"""What a box can stand for → the root file system that it has."""
NAMELESS = (
    "nvidia-smi tells no compute capability of a {}, and no model of provision/model/platforms.toml is in that name"
)
QUERY = "name,driver_version,compute_cap,memory.total"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What is asked for."""

    image: str
    into: Path
    state: Path
    offline: Path | None = None
    only: tuple[str, ...] = ()
    """Recipes that are asked for; empty: all."""
    minutes: float = 8
    """After which what runs is cut off, and nothing begins any more."""
    torch: Path | None = None
    """A virtual environment of this machine with PyTorch, which the box gets as the image's own."""
    accept: bool = False
    """Whether all licences of the catalogue are accepted; what comes under one is left out else."""
    card: Mapping[str, Any] | None = None
    """What nvidia-smi says of the card (`facts`); None for none: then all is tried that can be without."""


def facts() -> dict[str, Any]:
    """Return what nvidia-smi says of this machine's first card. Raises `RehearsalError` where there is none.

    What it does not tell of it is "" (the capability) or None (the memory).
    """
    if why := card.why_none():
        raise RehearsalError(why)
    said = subprocess.run(
        ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader,nounits"],
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [[word.strip() for word in line.split(",")] for line in said.stdout.splitlines() if line.count(",") == 3]
    if said.returncode or not rows:
        raise RehearsalError(f"nvidia-smi does not answer: {(said.stderr or said.stdout).strip()}")
    name, driver, compute, memory = rows[0]
    own = {"compute": compute if re.fullmatch(r"\d+\.\d", compute) else "", "memory_mib": _whole(memory)}
    return {"card": name, "cards": len(rows), "driver": driver, **own}


def _whole(number: str) -> int | None:
    """Return a whole number; None for what nvidia-smi says in brackets where a card does not tell."""
    return int(float(number)) if re.fullmatch(r"\d+(\.\d+)?", number) else None


def check(plan: Plan) -> int:
    """Try what can be tried; returns 0, or 1 where something failed."""
    began = time.monotonic()
    about = {"date": time.strftime("%Y-%m-%d", time.gmtime()), "image": plan.image, **(plan.card or {})}
    print(f"recipes on {plan.image}, with {about.get('card', 'no card')}", flush=True)
    for folder in (plan.into, plan.state):
        folder.mkdir(parents=True, exist_ok=True)
    rows = _rows(plan)
    chosen = [one for one in choose(rows, accept=plan.accept) if not plan.only or one.row["name"] in plan.only]
    if line := notice(chosen):
        print(line, flush=True)
    done: list[Attempt] = []
    with desk(plan.state, _wish(plan, licences(rows) if plan.accept else ())) as made:
        status = on_card(made, "fab", "status", seconds=120)
        print(status.stdout, flush=True)
        (plan.into / "check.log").write_text(f"$ fab status\n{status.stdout}", encoding="utf-8")
        for choice in chosen:
            done.append(_try(made, choice, began + 60 * plan.minutes, plan.into))
            _write(plan, {**about, "seconds": round(time.monotonic() - began, 1)}, done)
            print(_line(done[-1]), flush=True)
        _keep_logs(made, plan)
    failed = [one for one in done if one.state == "failed"]
    for one in failed:
        print(f"\n{one.recipe}: {one.why}\n{one.said}", flush=True)
    return 1 if failed else 0


def _try(made: Desk, choice: Choice, deadline: float, into: Path) -> Attempt:
    """Try a recipe, or say why it is left out."""
    row = choice.row
    if choice.state:
        return Attempt(row["name"], row["version"], choice.state, choice.why)
    print(f"{row['name']} …", flush=True)
    tried = attempt(made, row, deadline, into)
    return dataclasses.replace(tried, why="; ".join(filter(None, [tried.why, choice.why])))


def _wish(plan: Plan, licences: tuple[str, ...]) -> Wish:
    root: Root | offline.Unpacked
    binds, files, links = [], [], []
    name = IMAGES[plan.image]
    if plan.offline:
        root = offline.root_in(plan.offline, roots.named(name), plan.state)
        binds.append(f"--bind-ro={plan.offline.resolve()}:{offline.INSIDE}")
        files.append(("etc/pip.conf", offline.PIP))
    else:
        root = roots.ensure(name, lambda line: print(line, flush=True))
        if root.name != name:
            raise RehearsalError(f"a box for {plan.image} needs {name}, whose archive does not answer")
    if plan.torch:
        links.append(("opt/pytorch", str(plan.torch)))
        binds += [f"--bind-ro={path}" for path in _homes(plan.torch)]
    return Wish(
        root=root,
        image=plan.image,
        gpu="auto" if plan.card else "none",
        licences=licences,
        binds=tuple(binds),
        files=tuple(files),
        links=tuple(links),
    )


def _homes(torch: Path) -> list[Path]:
    """Return the folders that a virtual environment lives from: its own, and its Python's where that is no system's."""
    said = subprocess.run(
        [torch / "bin" / "python", "-c", "import sys; print(sys.prefix); print(sys.base_prefix)"],
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode:
        raise RehearsalError(f"{torch}/bin/python does not run: {said.stderr.strip()[-300:]}")
    return [Path(line) for line in dict.fromkeys(said.stdout.split()) if line not in ("/usr", "/")]


def _rows(plan: Plan) -> list[dict[str, Any]]:
    """Return all recipes as they fare there, in the catalogue's order: what one needs comes before it."""
    kind = _kind(plan.card) if plan.card else "none"
    said = as_user(plan.state, "fab", "recipes", "--json", "--image", plan.image, "--gpu", kind, seconds=60)
    if said.returncode and plan.card and not plan.card["compute"]:
        raise RehearsalError(f"{NAMELESS.format(plan.card['card'])}: add it there")
    if said.returncode:
        raise RehearsalError(f"fab recipes: {said.stdout.strip()}")
    rows: list[dict[str, Any]] = json.loads(said.stdout[said.stdout.index("[") :])
    if unknown := set(plan.only) - {row["name"] for row in rows}:
        raise RehearsalError(f"there is no recipe {', '.join(sorted(unknown))}")
    return rows


def _kind(card: Mapping[str, Any]) -> str:
    """Return what recipes go by, as `gpu = "auto"` of the box does: the capability, or else what the name is."""
    return str(card["compute"] or card["card"])


def _line(one: Attempt) -> str:
    took = ", ".join(f"{part} {seconds:g} s" for part, seconds in one.seconds.items())
    return f"  {one.recipe:<16} {one.state:<8} {took} {one.bench.get('verdict', '')} {one.why}".rstrip()


def _write(plan: Plan, about: dict[str, Any], done: list[Attempt]) -> None:
    """Write what came out so far; its `seconds` are those of the whole check, boot and all."""
    table = {**about, "only": plan.only, "recipes": [dataclasses.asdict(one) for one in done]}
    (plan.into / "gpu-check.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def _keep_logs(made: Desk, plan: Plan) -> None:
    """Copy what the box itself wrote about its setups."""
    for path in (made.tree / "var/lib/gpurig/logs").glob("*.log"):
        shutil.copy2(path, plan.into / f"box-{path.name}")
