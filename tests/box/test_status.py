"""`fab status` on a real box: what is ready, what failed, what runs and keeps it in use, and how full all of it is."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.agent.verbs import Verb
from provision.agent.wire import answers
from provision.transport.session import Session
from tests.kit.box import Machine, nvidia_smi, quiet, run
from tests.kit.fab import fab_ends
from tests.kit.recipes import RecipeFolder

OURS = ("cake", "icing")


@pytest.fixture(autouse=True)
def home(machine: Machine, home: Path, kitchen: RecipeFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user whose host is for a recipe of a catalogue of his own; the box forgets what the test does."""
    host = f'[host.box]\naddress = "{machine.host.address}"\ngpu = "none"\nrecipe = "cake"\n'
    (home / "hosts.toml").write_text(host)
    monkeypatch.setenv("GPURIG_RECIPES", str(kitchen.folder))
    kitchen.recipe("cake", install="touch /srv/cake", verify="test -e /srv/cake")
    kitchen.recipe("icing", install="echo no sugar; exit 4", verify="false", needs=["cake"])
    yield home
    here_and_there = " ".join(f"/srv/{name} /var/lib/gpurig/*/{name}.*" for name in OURS)
    run(machine, f"systemctl stop 'gpurig-run-*'; rm -rf /jobs/runs /jobs/datasets {here_and_there}")
    run(machine, "rm -f /var/lib/gpurig/begun/icing /var/lib/gpurig/bundle.json /var/lib/gpurig/pending.json")


def fab(*words: str, code: int = 0) -> str:
    """Run `fab` and return its standard output; it has to end with `code`."""
    return fab_ends(code, *words).stdout


def screen() -> dict[str, list[str]]:
    """Return the lines of `fab status` by what they are about."""
    found: dict[str, list[str]] = {}
    key = ""
    for line in fab("status").splitlines():
        key = line[:10].strip() or key
        found.setdefault(key, []).append(line[11:])
    return found


def test_a_failed_step_does_not_hide_what_is_ready(machine: Machine) -> None:
    fab("setup")
    fab("setup-icing", code=6)
    ready, failed = screen()["state"]
    assert ready.startswith("cake is ready since")
    assert 'step "icing" failed' in failed
    assert "exit code 4" in failed
    run(machine, "touch /var/lib/gpurig/begun/cake")
    assert not [line for line in screen()["state"] if "ready" in line]
    run(machine, "rm /var/lib/gpurig/begun/cake")


def test_one_screen_says_what_is_there_and_what_is_not_known(machine: Machine) -> None:
    manifest = shlex.quote(json.dumps({"counts": {"train": {"pictures": 90}, "val": {"pictures": 10}}}))
    # The account's, whichever test comes first.
    run(machine, "install -d -o ubuntu /jobs && mkdir -p /jobs/datasets/digits /jobs/datasets/.cats.building")
    run(machine, f"echo {manifest} > /jobs/datasets/digits/manifest.json")
    fab("run", "--name", "night", "--detach", "--command", "sleep\t600")
    said = screen()
    assert said["GPU"] == ["none that a driver sees"]
    assert said["volume"] == ["none; /jobs is a plain directory"]
    assert [line.split(": ")[1] for line in said["runs"]] == ["sleep 600"]
    assert said["data sets"] == [
        "digits: 90 train, 10 val",
        "cats is not whole: in the making, or cut off (the command that began it goes on)",
    ]
    [disk] = said["disk"]
    free, whole = (float(word) for word in disk.replace(" of ", " ").split()[:2])
    assert 0 < free < whole
    answer: dict[str, Any] = json.loads(fab("status", "--json"))
    assert [one["name"] for one in answer["runs"]] == ["night"]
    assert answer["host"] == "box"


def test_what_the_driver_tells_of_the_gpus_is_shown_and_what_it_cannot_is_left_out(machine: Machine) -> None:
    program = (
        "case $1 in *utilization*) echo '37, 2150, 15360, 61'; echo '[N/A], 10, 40960, [Not Supported]';;"
        "*) echo 'Tesla T4, 7.5, 550.54'; echo 'NVIDIA A100-SXM4-40GB, 8.0, 550.54';; esac"
    )
    with nvidia_smi(machine, program):
        first, second, both = screen()["GPU"]
    assert first == "Tesla T4 (compute 7.5, driver 550.54), 37 % busy, 2.1 of 15.0 GiB in use, 61 °C"
    assert second == "NVIDIA A100-SXM4-40GB (compute 8.0, driver 550.54), 0.0 of 40.0 GiB in use"
    assert both.startswith("of different generations")


def test_systemd_that_reads_its_files_again_forgets_no_run(machine: Machine) -> None:
    fab("run", "--name", "night", "--detach", "--", "until [ -e /jobs/go ]; do sleep 0.1; done; exit 4")
    assert "night for" in fab("status")
    run(machine, "systemctl daemon-reload; touch /jobs/go")
    fab("logs", "night", "--follow", code=4)
    run(machine, "rm /jobs/go")
    ended = json.loads(fab("ps", "--json"))
    assert (ended["name"], ended["state"], ended["code"]) == ("night", "failed", 4)
    assert "night for" not in fab("status")


def test_a_box_without_a_guard_says_so_and_cannot_be_held(machine: Machine) -> None:
    assert screen()["awake"] == ["it stops neither when it is idle nor after a time"]
    assert "has no guard" in fab_ends(2, "keep-awake", "2h").stderr
    assert run(machine, "test ! -e /var/lib/gpurig/awake && echo none") == "none\n"


def test_a_client_is_told_what_is_installed(machine: Machine) -> None:
    with Session(machine.host, tell=quiet) as session:
        assert list(session.apply(machine.booted_with))
        answer = session.answer({"verb": Verb.STATUS}, answers.Status)
    assert answer["marks"]["greeting"]["version"] == "1"
    assert answer["gpus"] == []
    assert not answer["running"]
    assert json.dumps(answer)
