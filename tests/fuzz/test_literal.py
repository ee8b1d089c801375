"""Whatever the checks let through stands in scripts, units and files as one literal: it changes nothing around it."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings

from provision.bundle.render import render
from provision.model.errors import BadInput
from provision.model.target import Target
from tests.kit.catalogue import CATALOGUE, LICENCES, shellcheck
from tests.kit.made_up import FEW, SOME, targets

BUNDLES = (("conda", "digits", "firewall", "vgg19"), ("digits-container",), ("jupyter", "ray", "tensorboard"))
"""With what they need, all recipes whose files have a value of the user's in them."""
DOCKER = "[Service]\nExecStart=/bin/true\n"
"""In place of the distribution's, which the container's unit requires."""
MARK = "gpurig0"
"""A word that no template has."""


def texts(goal: Target) -> dict[str, str]:
    """Return every file and script of these recipes for a target, by recipe and name."""
    found: dict[str, str] = {}
    for names in BUNDLES:
        bundle = render(names, dataclasses.replace(goal, licences=LICENCES), CATALOGUE)
        found[f"{names[0]}.lib"] = bundle.lib
        for step in bundle.steps:
            found |= {f"{step.name}.install": step.install, f"{step.name}.verify": step.verify}
            found |= {f"{step.name}.{Path(file['path']).name}": file["content"] for file in step.files}
    return found


def marked(goal: Target) -> tuple[Target, dict[str, str]]:
    """Return a target with a mark in place of each value, and mark → value."""
    mirrors = {kind: dict.fromkeys(table, f"http://{MARK}{kind}/") for kind, table in goal.mirrors.items()}
    mirrors["oci"] = {"nvcr.io/nvidia/": f"{MARK}oci/"}
    values = {f"http://{MARK}{kind}/": value for kind, table in goal.mirrors.items() for value in table.values()}
    values |= {f"{MARK}user": goal.user, f"/{MARK}/mount": goal.mount_point}
    values[f"{MARK}oci/"] = values.pop(f"http://{MARK}oci/")
    plain = dataclasses.replace(goal, user=f"{MARK}user", mount_point=f"/{MARK}/mount", mirrors=mirrors)
    return plain, values


def filled(text: str, values: dict[str, str]) -> str:
    """Return text with each mark's value in its place."""
    return re.sub("|".join(map(re.escape, values)), lambda mark: values[mark[0]], text)


def words(line: str) -> list[str]:
    """Return the words of a line as a shell has them; the line may end a quote that began above, or go on below."""
    line = line.removesuffix("\\")
    try:
        return shlex.split(line)
    except ValueError:
        return shlex.split(f"'{line}")


def is_same(name: str, mine: str, theirs: str, values: dict[str, str]) -> bool:
    """Tell whether a file is the one with marks but for what the marks stand for."""
    if name.endswith(".json"):
        return json.dumps(json.loads(mine)) == filled(json.dumps(json.loads(theirs)), values)
    if name.endswith("condarc"):
        return json.dumps(yaml.safe_load(mine)) == filled(json.dumps(yaml.safe_load(theirs)), values)
    if not theirs.startswith("#!/bin/bash") and not name.endswith(".lib"):
        return mine == filled(theirs, values)
    lines = list(zip(mine.split("\n"), theirs.split("\n"), strict=True))
    return all(
        words(line) == [filled(word, values) for word in words(pattern)] if MARK in pattern else line == pattern
        for line, pattern in lines
    )


@settings(SOME)
@given(targets())
def test_a_value_is_one_literal_wherever_it_stands(goal: Target) -> None:
    plain, values = marked(goal)
    rendered, pattern = texts(goal), texts(plain)
    assert rendered.keys() == pattern.keys()
    assert not [name for name in rendered if not is_same(name, rendered[name], pattern[name], values)]


@pytest.mark.parametrize("value", ["/jobs x", "/jobs\nExecStartPre=+/x", "/%h", "/$x", "/'", "--x", "/a;b"])
def test_what_a_check_would_let_through_by_mistake_no_unit_takes(value: str) -> None:
    for goal in (Target(mount_point=value), Target(user=value[1:])):
        with pytest.raises(BadInput, match="cannot stand in a unit"):
            texts(goal)


def test_the_recipes_are_all_that_have_a_value_in_them() -> None:
    values = re.compile(r"target\.(user|mount_point|allow|ui_port|peers|mirrors)|\bunit\b")
    named = {
        recipe.name
        for recipe in CATALOGUE.recipes.values()
        for path in recipe.folder.glob("*.j2")
        if values.search(path.read_text(encoding="utf-8"))
    }
    shown = {step for names in BUNDLES for step in CATALOGUE.closure(names)}
    assert named <= shown


def written(units: dict[str, str], folder: Path) -> Iterator[str]:
    """Write units for systemd-analyze; what they start and mount is on a box, not here. Yields their paths."""
    for name, text in units.items():
        path = folder / name
        path.write_text(re.sub(r"^(Exec\w+=\+?)\S+", r"\1/bin/true", text, flags=re.MULTILINE), encoding="utf-8")
        yield str(path)


@settings(FEW)
@given(targets())
def test_shellcheck_and_systemd_take_what_comes_of_it(goal: Target) -> None:
    found = texts(goal)
    scripts = {name: text for name, text in found.items() if text.startswith("#!/bin/bash") or name.endswith(".lib")}
    units = {name.partition(".")[2]: text for name, text in found.items() if name.endswith((".service", ".timer"))}
    with tempfile.TemporaryDirectory() as folder:
        # Nothing but what a value stands in: the rest is looked at elsewhere.
        told = shellcheck(Path(folder), {name: text for name, text in scripts.items() if goal.user in text})
        assert not told
        if not shutil.which("systemd-analyze"):
            pytest.skip("there is no systemd-analyze on this machine")
        paths = list(written({**units, "docker.service": DOCKER}, Path(folder)))
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", *paths], capture_output=True, text=True, check=False
        )
        assert (done.returncode, [line for line in done.stderr.splitlines() if folder in line]) == (0, [])
