"""The daemon's life: one on a folder, found through it, gone without a trace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

from rehearsal.cloud import state as folder
from rehearsal.cloud.handle import ROOT, Cloud
from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from pathlib import Path


def command(state: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "rehearsal.cloud", "--state", str(state), "--no-boxes", *more]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_nothing_left(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(command(tmp_path), cwd=ROOT, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        line = daemon.stdout.readline()
        published = json.loads((tmp_path / "cloud.json").read_text())
        assert line == f"ready: {published['endpoint']} (without boxes), state in {tmp_path}\n"
        assert published["pid"] == daemon.pid
        assert published["boxes"] == {}
        assert published["sources"] == {}
        daemon.send_signal(number)
        assert daemon.wait(timeout=30) == 0
    assert not (tmp_path / "cloud.json").exists()
    assert not folder.held(tmp_path)


def test_a_second_start_on_the_folder_is_refused(cloud_daemon: Cloud) -> None:
    second = subprocess.run(command(cloud_daemon.state), cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stderr == (
        f"error: a rehearsal cloud already runs on {cloud_daemon.state}: process {cloud_daemon.pid} on "
        f"{cloud_daemon.endpoint}; stop it, or give another --state\n"
    )
    found = Cloud.find(cloud_daemon.state)
    assert found is not None
    assert found.endpoint == cloud_daemon.endpoint


def test_one_that_was_killed_is_not_found_and_not_in_the_way(tmp_path: Path) -> None:
    first = Cloud.start(tmp_path, boxes=False)
    assert first.process is not None
    first.process.kill()
    first.process.wait()
    assert (tmp_path / "cloud.json").exists()
    assert Cloud.find(tmp_path) is None
    second = Cloud.start(tmp_path, boxes=False)
    assert second.client("sts").get_caller_identity()["Account"] == "123456789012"
    second.stop()
    assert Cloud.find(tmp_path) is None
    second.stop()  # once more is no error


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(RehearsalError, match="invalid choice: 'nowhere'"):
        Cloud.start(tmp_path, boxes=False, sources="nowhere")


def test_the_address_url_answers_in_plain_text(cloud_daemon: Cloud) -> None:
    url = f"{cloud_daemon.endpoint}/_rehearsal/address"
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - http
        assert answer.headers["Content-Type"] == "text/plain"
        assert answer.read() == b"198.18.0.1\n"


def test_clients_find_it_through_the_environment(cloud_daemon: Cloud) -> None:
    script = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    environment = {**os.environ, **cloud_daemon.env}
    result = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "123456789012\n"


def test_importing_the_package_costs_nothing() -> None:
    script = "import sys, rehearsal.cloud, rehearsal.cloud.handle; print('moto' in sys.modules, 'boto3' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "False False\n"
