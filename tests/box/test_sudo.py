"""Sudo with and without a password, on a real box."""

from __future__ import annotations

import dataclasses

import fabric
import pytest

from provision.model.errors import Unreachable
from provision.model.host import Host
from provision.transport.session import Session
from provision.work.runs import Runs
from tests.kit.box import Machine, quiet, run

PASSWORD = "correct horse"


@pytest.fixture
def asked(machine: Machine) -> Host:
    """The box, seen by an account whose sudo asks for a password."""
    home = "/home/second"
    make = "useradd --create-home --groups sudo --shell /bin/bash second"
    keys = f"mkdir -p {home}/.ssh && cp ~ubuntu/.ssh/authorized_keys {home}/.ssh/ && chown -R second: {home}/.ssh"
    run(machine, f"id second >/dev/null 2>&1 || {make}; echo 'second:{PASSWORD}' | chpasswd && {keys}")
    return dataclasses.replace(machine.host, user="second")


def with_password(password: str) -> fabric.Config:
    """What `fab --prompt-for-sudo-password` makes of the answer."""
    return fabric.Config(overrides={"sudo": {"password": password}})


def test_a_password_is_sent_and_the_request_after_it(asked: Host) -> None:
    with Session(asked, with_password(PASSWORD), tell=quiet) as session:
        assert session.facts()["os"].startswith(("ubuntu-", "debian-"))


def test_without_or_with_a_wrong_password_the_way_out_is_named(asked: Host) -> None:
    for config in (None, with_password("wrong")):
        with (
            Session(asked, config, tell=quiet) as session,
            pytest.raises(Unreachable, match="password for sudo") as refused,
        ):
            session.facts()
        assert "--prompt-for-sudo-password" in str(refused.value)
        # Asked again and again it would lock the account.
        with Session(asked, config, tell=quiet) as session, pytest.raises(Unreachable, match="password for sudo"):
            Runs(session).follow("any", quiet)


def test_a_password_that_nobody_asked_for_does_no_harm(machine: Machine) -> None:
    with Session(machine.host, with_password(PASSWORD), tell=quiet) as session:
        assert session.facts()["gpus"] == []
