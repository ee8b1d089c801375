"""A session with a real box: trust, one command one answer, and what happens when things break in the middle."""

from __future__ import annotations

import dataclasses
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from provision.agent.verbs import Verb
from provision.agent.wire import answers
from provision.agent.words import Kind
from provision.bundle import program
from provision.bundle.step import Bundle
from provision.model.errors import BadInput, RunInterrupted, StepFailed, UntrustedHost
from provision.screen.progress import PlainView, Progress
from provision.transport.session import Session
from provision.work.runs import Runs
from tests.kit.box import BOOT, Machine, quiet, run
from tests.kit.recipes import RecipeFolder
from tests.kit.wait import until

Event = dict[str, Any]
GATE = "until [ -e /srv/go ]; do sleep 0.1; done"


def apply(machine: Machine, bundle: Bundle, *, fresh: bool = False) -> list[Event]:
    """Bring the box to a bundle and return the events."""
    with Session(machine.host, tell=quiet) as session:
        return [dict(event) for event in session.apply(bundle, fresh=fresh)]


def states(events: list[Event]) -> list[tuple[str, str]]:
    """Return step and state of the step events."""
    return [(event["step"], event["state"]) for event in events if event["event"] == "step"]


def test_user_data_installs_at_first_boot_what_ssh_would_send(machine: Machine) -> None:
    events = apply(machine, machine.booted_with)
    # The boot had it done, or was at it: nothing was started by this session.
    assert events[0]["event"] in ("joined", "unchanged")
    assert events[-1]["event"] in ("ready", "unchanged")
    assert apply(machine, machine.booted_with)[-1]["event"] == "unchanged"
    assert run(machine, "cat /srv/greeting") == "hello\n"
    assert run(machine, "cat /var/lib/gpurig/bundle.json").encode() == machine.booted_with.to_bytes()


def test_cloud_init_of_the_box_finds_the_user_data_valid(machine: Machine) -> None:
    said = run(machine, "cloud-init status --wait --long; cloud-init schema --system 2>&1")
    assert "Valid schema" in said
    assert "errors: []" in said


def test_the_host_key_comes_from_the_console_and_is_pinned(machine: Machine, here: Path) -> None:
    with Session(machine.host, tell=quiet) as session:
        assert session.facts()["os"].startswith(("ubuntu-", "debian-"))
    seen = run(machine, "cat /etc/ssh/ssh_host_ed25519_key.pub").split()[:2]
    assert " ".join([machine.host.instance_id, *seen]) in (here / ".gpurig" / "known_hosts").read_text().splitlines()


def test_another_key_than_the_pinned_one_is_refused(machine: Machine, here: Path) -> None:
    pins = here / ".gpurig" / "known_hosts"
    pins.parent.mkdir()
    other = machine.key.with_suffix(".pub").read_text().split()[:2]
    pins.write_text(" ".join([machine.host.instance_id, *other]) + "\n")
    with Session(machine.host, tell=quiet) as session, pytest.raises(UntrustedHost, match="another host key"):
        session.facts()


def test_a_machine_that_known_hosts_does_not_know_is_refused(
    machine: Machine, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(here))
    host = dataclasses.replace(machine.host, instance_id="")
    with Session(host, tell=quiet) as session, pytest.raises(UntrustedHost, match="is not known") as refused:
        session.facts()
    assert f"ssh -p 22 ubuntu@{host.address}" in str(refused.value)


def test_nagle_is_off_and_the_keepalive_on(machine: Machine) -> None:
    with Session(machine.host, tell=quiet) as session:
        transport = session.connection.transport
        assert transport.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert transport.packetizer._Packetizer__keepalive_interval > 0


def test_no_op_sends_digests_and_neither_the_bundle_nor_the_program(machine: Machine) -> None:
    apply(machine, machine.booted_with)
    with Session(machine.host, tell=quiet) as session:
        before = session.connection.transport.packetizer._Packetizer__sent_bytes
        assert next(iter(session.apply(machine.booted_with)))["event"] == Kind.UNCHANGED
        sent = session.connection.transport.packetizer._Packetizer__sent_bytes - before
    whole = len(machine.booted_with.to_bytes()) + sum(map(len, program.files().values()))
    assert sent < whole / 20


def ask_all(machine: Machine) -> None:
    """Ask what `fab ps`, `fab logs` and `fab status` ask."""
    with Session(machine.host, tell=quiet) as session:
        Runs(session).all()
        session.answer({"verb": Verb.OVERVIEW, "units": []}, answers.Overview)
        with pytest.raises(BadInput):
            Runs(session).log("no-such-run", quiet)


def test_no_op_is_answered_by_the_program_that_was_sent_compiled_once(machine: Machine) -> None:
    folder = f"/var/lib/gpurig/agent/{program.digest()}/provision/agent"
    look = f"stat -c '%n %Y' {folder}/__pycache__/*.pyc"
    apply(machine, machine.booted_with)
    ask_all(machine)
    compiled = run(machine, look)
    run(machine, "sleep 1.1")
    assert apply(machine, machine.booted_with)[-1]["event"] == "unchanged"
    ask_all(machine)
    assert run(machine, look) == compiled
    # A power cut may have cut it short.
    run(machine, f"truncate --size=-900 {folder}/__pycache__/*.pyc")
    assert apply(machine, machine.booted_with)[-1]["event"] == "unchanged"
    # What somebody made of a file there is nothing that answers; what comes in its place takes old versions away.
    run(machine, "cd /var/lib/gpurig/agent; mkdir former fresh; touch -d '2 hours ago' former")
    run(machine, f"echo 'raise SystemExit(9)' >{folder}/serve.py")
    assert apply(machine, machine.booted_with)[-1]["event"] == "unchanged"
    assert "SystemExit(9)" not in run(machine, f"cat {folder}/serve.py")
    there = run(machine, "cd /var/lib/gpurig/agent; ls; rmdir fresh").split()
    assert (set(there) & {"former", "fresh", "current", program.digest()}) == {"fresh", "current", program.digest()}


def test_a_connection_that_breaks_changes_nothing(machine: Machine, kitchen: RecipeFolder) -> None:
    kitchen.recipe("slow", install="sleep 6; echo done > /srv/slow", verify="test -e /srv/slow")
    said: list[str] = []
    with Session(machine.host, tell=said.append) as session:
        events: list[Event] = []
        for event in session.apply(kitchen.bundle("slow")):
            events.append(dict(event))
            if event.get("state") == "installing":
                # The cable is pulled: no goodbye, both ends find out by themselves.
                session.connection.transport.sock.shutdown(socket.SHUT_RDWR)
    assert events[-1]["event"] == "ready"
    assert ("slow", "installed") in states(events)
    assert any("connecting again" in line for line in said)
    assert len([1 for event in events if event["event"] == "started"]) == 1


def test_a_killed_runner_is_an_error_and_the_next_run_goes_on(machine: Machine, kitchen: RecipeFolder) -> None:
    kitchen.recipe("first", install="echo x >> /srv/first", verify="test -e /srv/first")
    kitchen.recipe(
        "second", install="echo half > /srv/second; sleep 1000", verify="test -e /srv/second", needs=["first"]
    )
    with Session(machine.host, tell=quiet) as session, pytest.raises(RunInterrupted, match="killed in step second"):
        for event in map(dict[str, Any], session.apply(kitchen.bundle("second"))):
            if event.get("state") == "installing" and event["step"] == "second":
                until(lambda: "half" in run(machine, "cat /srv/second 2>/dev/null || true"))
                run(machine, "systemctl kill --signal=KILL gpurig.service")
    # The file that verify looks for is there, from an install that never ended: it does not count.
    kitchen.recipe("second", install="echo whole > /srv/second", verify="test -e /srv/second", needs=["first"])
    events = apply(machine, kitchen.bundle("second"))
    assert states(events)[1] == ("first", "present")
    assert ("second", "installed") in states(events)
    assert run(machine, "cat /srv/first /srv/second") == "x\nwhole\n"


def test_a_reboot_in_the_middle_is_bridged(machine: Machine, kitchen: RecipeFolder) -> None:
    before = run(machine, BOOT)
    kitchen.recipe(
        "driver",
        install="[ -e /srv/asked ] && { touch /srv/driver; exit 0; }; touch /srv/asked; exit 100",
        verify="test -e /srv/driver",
        reboot=True,
    )
    kitchen.recipe("user", install="touch /srv/user", verify="test -e /srv/user", needs=["driver"])
    events = apply(machine, kitchen.bundle("user"))
    assert [event["event"] for event in events if event["event"] in ("reboot", "ready")] == ["reboot", "ready"]
    assert states(events)[-1] == ("user", "installed")
    assert run(machine, BOOT) != before


def test_a_failing_step_shows_its_last_lines_and_stops_the_bundle(
    machine: Machine, kitchen: RecipeFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    kitchen.recipe("bad", install="echo about to; false; echo never", verify="false", undo="rm -rf /srv/bad")
    kitchen.recipe("after", install="touch /srv/after", verify="test -e /srv/after", needs=["bad"])
    bundle = kitchen.bundle("after")
    with Session(machine.host, tell=quiet) as session, pytest.raises(StepFailed) as failed:
        Progress(machine.host, bundle.name, [step.name for step in bundle.steps], PlainView()).show(
            session.apply(bundle)
        )
    message = str(failed.value)
    log, undo = "/var/lib/gpurig/logs/bad.log", "rm -rf /srv/bad"
    for part in ('step "bad" failed on box', "exit code 1", "| about to", log, undo):
        assert part in message
    assert "never" not in message
    assert run(machine, "ls /srv/after 2>&1 || true").startswith("ls: cannot access")
    assert "bad    installing" in capsys.readouterr().out


def test_two_users_at_once_share_one_run(machine: Machine, kitchen: RecipeFolder) -> None:
    kitchen.recipe("shared", install=f"{GATE}; echo x >> /srv/shared", verify="test -e /srv/shared")
    bundle = kitchen.bundle("shared")
    answers: list[list[Event]] = [[], []]

    def user(number: int) -> None:
        with Session(machine.host, tell=quiet) as session:
            answers[number].extend(map(dict[str, Any], session.apply(bundle)))

    users = [threading.Thread(target=user, args=(number,)) for number in range(2)]
    for one in users:
        one.start()
    until(lambda: all(answers))
    run(machine, "touch /srv/go")
    for one in users:
        one.join(60)
    assert [answer[-1]["event"] for answer in answers] == ["ready", "ready"]
    assert sorted(answer[0]["event"] for answer in answers) == ["joined", "started"]
    assert run(machine, "rm /srv/go; cat /srv/shared") == "x\n"


def test_another_bundle_waits_for_the_one_that_runs(machine: Machine, kitchen: RecipeFolder) -> None:
    kitchen.recipe("long", install=f"{GATE}; touch /srv/long", verify="test -e /srv/long")
    kitchen.recipe("next", install="test -e /srv/long && touch /srv/next", verify="test -e /srv/next")
    first: list[Any] = []
    with Session(machine.host, tell=quiet) as session, Session(machine.host, tell=quiet) as other:
        stream, behind = session.apply(kitchen.bundle("long")), other.apply(kitchen.bundle("next"))
        while not first or first[-1].get("state") != "installing":
            first.append(dict(next(stream)))
        events = [dict(next(behind))]
        run(machine, "touch /srv/go")
        events += map(dict[str, Any], behind)
        rest = list(stream)
    assert rest[-1]["event"] == Kind.READY
    assert events[0]["event"] == "waiting"
    assert events[-1]["event"] == "ready"
    assert events[-1]["name"] == "next"


def test_a_step_that_needs_more_disk_than_there_is_does_not_begin(machine: Machine, kitchen: RecipeFolder) -> None:
    kitchen.recipe("huge", install="touch /srv/huge", verify="test -e /srv/huge", disk_gib=100000)
    events = apply(machine, kitchen.bundle("huge"))
    assert events[-1]["event"] == "failed"
    assert "needs 100000.0 GiB free on /" in events[-1]["why"]
    assert run(machine, "ls /srv/huge 2>&1 || true").startswith("ls: cannot access")
