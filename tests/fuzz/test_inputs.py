"""Whatever a user's files and settings hold: it is taken, or refused in words; never a traceback."""

from __future__ import annotations

import copy
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.settings import ranges
from infra.settings.load import SETTINGS, parse
from provision.bundle.render import render
from provision.catalogue.catalogue import Catalogue
from provision.life import states
from provision.model.errors import BadInput
from provision.model.target import Target
from provision.transport import inventory, settings, stack
from tests.kit.fab import host_row, outputs
from tests.kit.made_up import odd_json, odd_text, printable, said
from tests.kit.recipes import write_recipe

STATE = json.loads(outputs(host_row(target=Target(volume_id="vol-0a1").to_document())))["deployment"]
RECIPE = (
    *("summary", "version", "needs", "conflicts", "minutes", "disk_gib", "licences", "ports", "unit", "keeps", "env"),
    *("supports", "sources", "files", "folders", "example", "activate", "no", "colour"),
)
HOST = (
    *("address", "user", "port", "image", "gpu", "compute", "mount_point", "recipe", "allow", "ui_port", "jump"),
    *("inner", "access", "colour"),
)


def as_toml(value: Any) -> str:
    """Return a value of JSON as TOML has it; there is no null."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return "0" if value is None else json.dumps(value)


def table(keys: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Return tables with some of these keys, and odd values; rarely another key."""
    return st.dictionaries(st.sampled_from(keys) | odd_text, odd_json, max_size=5)


@given(st.dictionaries(st.sampled_from(sorted(SETTINGS)) | odd_text, odd_text | odd_json.map(json.dumps), max_size=6))
def test_settings_are_taken_or_refused(raw: dict[str, str]) -> None:
    values, refused = parse(raw)
    assert values.keys() == SETTINGS.keys()
    assert all(problem.isprintable() and "gpurig:" in problem for problem in refused.values())
    for key, setting in SETTINGS.items():
        if setting.resolve and key != "allowedCidrs":
            try:
                setting.resolve(values[key])
            except ValueError as error:
                said([str(error)])
    cidrs = [cidr for cidr in values["allowedCidrs"] if cidr != ranges.AUTO]
    assert all(line for line in (*ranges.problems(cidrs, allow_public=False), *ranges.warnings(cidrs, cidrs)))


@given(odd_text | odd_json.map(json.dumps))
def test_settings_of_pulumi_are_read_or_refused(text: str) -> None:
    found = settings.StackSettings(values={"gpurig:a": text})
    for read in (found.names, found.table, lambda key: settings.whole_number(found, key, 1)):
        try:
            read("a")
        except BadInput as error:
            printable(error.problems)


@given(st.binary(max_size=60) | st.builds(lambda text: text.encode(), odd_text))
def test_a_file_that_is_no_toml_is_refused(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hosts.toml"
        path.write_bytes(data)
        with pytest.raises(BadInput):
            inventory.from_file(path)


@given(
    st.dictionaries(odd_text | st.just("a"), table(HOST), min_size=1, max_size=2),
    table(("mirrors", "sources", "unpinned")),
)
def test_hosts_are_taken_or_refused(hosts: dict[str, Any], shared: dict[str, Any]) -> None:
    for row in hosts.values():
        row.setdefault("gpu", "none")
        row.setdefault("address", "h")
    lines = [f"{json.dumps(key)} = {as_toml(value)}\n" for key, value in {**shared, "host": hosts}.items()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hosts.toml"
        path.write_bytes("".join(lines).encode("utf-8", "surrogatepass"))
        try:
            found = inventory.from_file(path)
        except BadInput as error:
            printable(error.problems)
        else:
            assert {host.name for host in found} == set(hosts)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in places(inner, (*path, key)))]


@given(st.lists(st.tuples(st.sampled_from(places(STATE)[1:]), odd_json), min_size=1, max_size=3), st.booleans())
def test_a_state_is_read_or_refused(changes: list[tuple[tuple[Any, ...], Any]], remove: bool) -> None:
    deployment = copy.deepcopy(STATE)
    for path, value in changes:
        inner = deployment
        try:
            for key in path[:-1]:
                inner = inner[key]
            if remove:
                del inner[path[-1]]
            else:
                inner[path[-1]] = value
        except (LookupError, TypeError):
            continue  # an earlier change has taken the place away
    try:
        stack.found(deployment)
    except BadInput as error:
        printable(error.problems)
    document = json.dumps({"deployment": deployment})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(states, "finished", lambda *_: subprocess.CompletedProcess([], 0, document, ""))
        found = states._state("dev", current=True, updating=False)
    assert found.problem.isprintable()


@given(table(RECIPE), odd_text)
def test_a_recipe_is_taken_or_refused(keys: dict[str, Any], script: str) -> None:
    keys = {"summary": "odd", "version": "1", **keys}
    toml = "".join(f"{json.dumps(key)} = {as_toml(value)}\n" for key, value in keys.items())
    with tempfile.TemporaryDirectory() as folder:
        write_recipe(Path(folder) / "odd", install="true\n", verify="true\n")
        place = Path(folder) / "odd"
        (place / "recipe.toml").write_bytes(toml.encode("utf-8", "surrogatepass"))
        (place / "install.sh.j2").write_bytes(script.encode("utf-8", "surrogatepass"))
        try:
            render(["odd"], Target(), Catalogue(Path(folder)))
        except BadInput as error:
            said([str(error)])
