"""Every argument that the program sets is known, with what the AWS provider does about it: arguments.yaml.

An argument that replaces its resource and reads differently in some state of it replaces a living box, sooner or later.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from rehearsal.provider.catalogue import KINDS
from rehearsal.provider.model import Fate, Field
from tests.infra.aws import Aws, AwsSnapshot
from tests.infra.lab import GOOD, run
from tests.infra.subnets import SUBNET, AwsSubnet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ARGUMENTS = yaml.safe_load(Path(__file__).with_name("arguments.yaml").read_text(encoding="utf-8"))
STATE_DEPENDENT = {"associatePublicIpAddress"}
"""Arguments of an instance that replace it and read differently while it is stopped: no program may set them."""
SPOT = {
    "gpurig:spot": "true",
    "gpurig:spotMaxPrice": "0.5",
    "gpurig:maxHours": "5",
    "gpurig:budgetMonthlyUsd": "50",
    "gpurig:budgetEmail": "me@example.com",
    "gpurig:permissionsBoundary": "arn:aws:iam::aws:policy/ReadOnlyAccess",
}
IN_A_LAB = {
    "gpurig:access": "private",
    "gpurig:subnetId": SUBNET,
    "gpurig:bastionGroup": "sg-0123456789abcdef0",
}


def _paths(inputs: Mapping[str, Any], fields: Mapping[str, Field], before: str = "") -> Iterator[str]:
    for name, value in inputs.items():
        yield before + name
        if isinstance(value, dict) and fields[name].fields:
            yield from _paths(value, fields[name].fields, f"{before}{name}.")


def _field(token: str, path: str) -> Field:
    first, *rest = path.split(".")
    field = KINDS[token].fields[first]
    for name in rest:
        field = field.fields[name]
    return field


@pytest.fixture(scope="module")
def declared() -> dict[str, set[str]]:
    """What the program sets of each type that it declares, with all that its settings can add."""
    found: dict[str, set[str]] = {}
    for settings in ({}, SPOT, IN_A_LAB):
        there = Aws(snapshots=(AwsSnapshot(id="snap-newest"),), subnets=(AwsSubnet(),))
        done = run({**GOOD, **settings}, aws=there)
        for resource in done.declared:
            if resource.type in KINDS:
                paths = _paths(resource.inputs, KINDS[resource.type].fields)
                found.setdefault(resource.type, set()).update(paths)
    return found


def test_every_type_that_the_program_declares_is_in_the_table(declared: dict[str, set[str]]) -> None:
    assert declared.keys() == ARGUMENTS.keys()


@pytest.mark.parametrize("token", ARGUMENTS)
def test_every_argument_that_the_program_sets_is_in_the_table(declared: dict[str, set[str]], token: str) -> None:
    assert declared[token] == ARGUMENTS[token].keys()


@pytest.mark.parametrize("token", ARGUMENTS)
def test_the_stand_in_replaces_where_the_provider_does(token: str) -> None:
    replacing = {path for path, words in ARGUMENTS[token].items() if words.startswith("replaces")}
    assert {path for path in ARGUMENTS[token] if _field(token, path).on_change is Fate.REPLACE} == replacing


@pytest.mark.parametrize("token", ARGUMENTS)
def test_the_stand_in_fills_in_what_the_provider_does(token: str) -> None:
    words = {path: re.search(r"default ([^;,]+)", text) for path, text in ARGUMENTS[token].items() if "." not in path}
    defaults = {path: yaml.safe_load(found[1]) for path, found in words.items() if found}
    fields = {path: _field(token, path) for path in words}
    # What must be given here needs no default: the stand-in takes no program that is silent on it.
    silent = {path: field for path, field in fields.items() if not field.required}
    assert {path: field.default for path, field in silent.items() if field.default is not None} == {
        path: default for path, default in defaults.items() if path in silent
    }


def test_nothing_is_set_that_reads_otherwise_while_a_box_is_stopped(declared: dict[str, set[str]]) -> None:
    assert not declared["aws:ec2/instance:Instance"] & STATE_DEPENDENT
