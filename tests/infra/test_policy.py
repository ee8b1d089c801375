"""The rules of infra/policy hold for the program in all its settings, and each of them can be broken."""

from __future__ import annotations

import base64
import gzip
import re
from pathlib import Path
from typing import Any

import pytest

from infra.policy import RULES, UNHELD
from infra.policy.machines import INSTANCE, VOLUME
from infra.policy.networks import ADDRESS, DEFAULT, EGRESS, GROUP, INGRESS, VPC
from infra.policy.rule import Resource, findings
from tests.infra.lab import GOOD, ROOT, Run, run

ASKED = {
    *(f"EC2.{number}" for number in (2, 3, 4, 6, 7, 8, 9, 12, 13, 15, 18, 19, 22, 28)),
    *(f"CKV_AWS_{number}" for number in (3, 8, 189, 23, 24, 25, 260, 277, 382, 46, 79, 88, 126, 135, 341, 130)),
    *(f"CKV2_AWS_{number}" for number in (2, 5, 9, 11, 12, 41)),
}
"""What AWS Foundational Security Best Practices and Checkov check of the types that the program makes."""
BUDGET = {"budgetMonthlyUsd": "50", "budgetEmail": "me@example.com", "budgetAction": "stop"}
SETTINGS: dict[str, dict[str, str]] = {
    "default": {},
    "spot": {"spot": "true", "maxHours": "5"},
    "hosts": {"hosts": "3"},
    "budget": BUDGET,
    "buckets": {"s3Buckets": "my-datasets"},
    "ranges": {"allowedCidrs": '["198.51.100.0/24", "203.0.113.7/32"]'},
}
SECRET = b"export AWS_ACCESS_KEY_ID=AKIA" + b"Q" * 16 + bytes(range(32, 127)) * 8


def packed(text: bytes) -> str:
    """Return text as user-data carries it."""
    return base64.b64encode(gzip.compress(text)).decode()


BROKEN: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "volumes-encrypted": [(VOLUME, {"encrypted": False}), (VOLUME, {})],
    "root-encrypted": [
        (INSTANCE, {"rootBlockDevice": {"volumeSize": 8}}),
        (INSTANCE, {"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": [{"volumeSize": 8}]}),
    ],
    "metadata-by-token": [(INSTANCE, {"metadataOptions": {"httpTokens": "optional"}}), (INSTANCE, {})],
    "metadata-one-hop": [(INSTANCE, {"metadataOptions": {"httpPutResponseHopLimit": 2}}), (INSTANCE, {})],
    "instance-has-role": [(INSTANCE, {})],
    "no-secret-in-user-data": [
        (INSTANCE, {"userData": SECRET.decode()}),
        (INSTANCE, {"userDataBase64": packed(SECRET)}),
        (INSTANCE, {"userDataBase64": packed(b"#!/bin/sh\n" + base64.b64encode(SECRET) + b"\n")}),
    ],
    "default-group-closed": [(VPC, {})],
    "ssh-not-public": [
        (INGRESS, {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"}),
        (INGRESS, {"ipProtocol": "tcp", "fromPort": 1, "toPort": 1024, "cidrIpv6": "::/0"}),
    ],
    "rdp-not-public": [(INGRESS, {"ipProtocol": "tcp", "fromPort": 3389, "toPort": 3389, "cidrIpv4": "0.0.0.0/0"})],
    "http-not-public": [(INGRESS, {"ipProtocol": "tcp", "fromPort": 80, "toPort": 80, "cidrIpv4": "0.0.0.0/0"})],
    "nothing-public": [(INGRESS, {"ipProtocol": "tcp", "fromPort": 5000, "toPort": 5000, "cidrIpv4": "0.0.0.0/0"})],
    "no-rule-for-all-ports": [(INGRESS, {"ipProtocol": "-1", "cidrIpv4": "203.0.113.7/32"})],
    "groups-described": [(GROUP, {}), (INGRESS, {"cidrIpv4": "203.0.113.7/32"}), (EGRESS, {})],
    "rules-apart": [(GROUP, {"ingress": [{"fromPort": 22}]})],
    "groups-in-use": [(GROUP, {})],
    "no-elastic-address": [(ADDRESS, {})],
}
"""By the name of a rule: resources that break it."""


def resources(found: Run) -> list[Resource]:
    """Return what a run declared."""
    return [Resource(type=one.type, name=one.name, props=one.inputs) for one in found.declared]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_the_program_holds_to_every_rule(settings: dict[str, str]) -> None:
    declared = resources(run({**GOOD, **{f"gpurig:{key}": value for key, value in settings.items()}}))
    assert [str(finding) for finding in findings(RULES, declared)] == []
    assert {VPC, DEFAULT, GROUP, INGRESS, EGRESS, INSTANCE, VOLUME} <= {one.type for one in declared}


def test_what_is_opened_to_the_public_on_purpose_is_found() -> None:
    declared = resources(run({**GOOD, "gpurig:allowedCidrs": "0.0.0.0/0", "gpurig:allowPublic": "true"}))
    broken = {finding.rule.name for finding in findings(RULES, declared)}
    assert broken == {"ssh-not-public", "nothing-public"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_can_be_broken(rule: Any) -> None:
    for kind, props in BROKEN[rule.name]:
        resource = Resource(type=kind, name="broken", props=props)
        (finding,) = findings([rule], [resource])
        assert finding.problem
        assert all(identifier in str(finding) for identifier in rule.ids)
    assert {kind for kind, _ in BROKEN[rule.name]} == set(rule.types), "a type that breaks it"


def test_every_id_is_held_or_has_its_reason() -> None:
    held = {identifier for rule in RULES for identifier in rule.ids}
    unheld = [identifier for one in UNHELD for identifier in one.ids]
    assert len(unheld) == len(set(unheld))
    assert not held & set(unheld)
    assert held | set(unheld) == ASKED
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_names_files_that_are_there(rule: Any) -> None:
    for name in re.findall(r"`([\w/]+\.py)`", rule.text):
        assert (Path(ROOT) / name).is_file()
