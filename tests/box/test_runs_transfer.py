"""`fetch` with a real box: what is cut off in the middle, what cannot be read, two terminals at once."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
import time
from pathlib import Path

import pytest

from provision.model.errors import BadInput, GpurigError
from provision.screen.progress import PlainView
from provision.transport.session import Session
from provision.work.runs import Runs
from provision.work.sync import sync
from provision.work.transfer import Fetched, fetch
from tests.kit.box import Machine, quiet, run, twice

REMOTE = "/jobs/work/project"
MIB = 2**20


def test_results_come_as_they_appear_and_the_log_at_the_end(machine: Machine, session: Session, here: Path) -> None:
    paint = """for i in 1 2 3; do
      part="$GPURIG_RESULTS/part.$i"; echo $i >"$part"
      [ $i != 1 ] || sleep 2  # as long as a file that is whole would take to come
      mv "$part" "$GPURIG_RESULTS/out_$i"; echo picture $i
      until [ -e go$i ]; do sleep 0.1; done
    done; ln -s /etc/passwd "$GPURIG_RESULTS/leak"; exit 3"""
    Runs(session).start(paint, name="paint")
    came: list[str] = []
    for file in fetch(session, "paint", here / "in", watch=True):
        came.append(file.path.name)
        assert file.new
        run(machine, f"touch /jobs/runs/paint/go{len(came)}")
    assert came == ["out_1", "out_2", "out_3", "run.log"]
    assert (here / "in" / "run.log").read_text() == "picture 1\npicture 2\npicture 3\n"
    again = list(fetch(session, "paint", here / "in", watch=True))
    assert [(file.path.name, file.new) for file in again] == [(name, False) for name in came]


@pytest.fixture
def big(machine: Machine, session: Session) -> str:
    """A run with one large result; returns its checksum."""
    runs = Runs(session)
    runs.start('head -c 48M /dev/urandom >"$GPURIG_RESULTS/weights"', name="big")
    lines: list[str] = []
    assert runs.follow("big", lines.append).state == "done"
    assert lines == []
    return run(machine, "sha256sum /jobs/runs/big/results/weights").split()[0]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def weights(session: Session, into: Path) -> Fetched:
    [found] = [file for file in fetch(session, "big", into) if file.path.name == "weights"]
    return found


def test_what_was_cut_off_goes_on_where_it_was_unless_it_is_damaged(
    machine: Machine, session: Session, here: Path, big: str
) -> None:
    whole = weights(session, here / "whole")
    assert (whole.new, whole.kept, digest(whole.path)) == (True, 0, big)
    begun = whole.path.read_bytes()[: 5 * MIB]
    for folder, part, kept in (("cut", begun, 5 * MIB), ("damaged", begun[:-1] + b"?" + b"x" * MIB, 0)):
        (here / folder).mkdir()
        (here / folder / ".weights.part").write_bytes(part)
        for odd in ("..part", "...part", "....part"):
            (here / folder / odd).write_bytes(b"no part of a file")
        file = weights(session, here / folder)
        assert (file.kept, digest(file.path)) == (kept, big)
        assert sorted(path.name for path in (here / folder).glob("[!.]*")) == ["run.log", "weights"]
    del machine


def test_a_connection_that_drops_in_the_middle_of_a_file_is_bridged(session: Session, here: Path, big: str) -> None:
    part = here / "in" / ".weights.part"
    transport = session.connection.transport

    def pull_the_cable() -> None:
        while not (part.exists() and part.stat().st_size > MIB):
            time.sleep(0.001)
        with contextlib.suppress(OSError):
            transport.sock.shutdown(socket.SHUT_RDWR)

    cutter = threading.Thread(target=pull_the_cable)
    cutter.start()
    file = weights(session, here / "in")
    cutter.join()
    assert digest(file.path) == big
    assert file.kept >= MIB


def test_two_terminals_fetch_every_file_once(machine: Machine, session: Session, here: Path, big: str) -> None:
    del session

    def terminal() -> list[Fetched]:
        with Session(machine.host, tell=quiet) as own:
            return list(fetch(own, "big", here / "in"))

    assert sorted((file.path.name, file.new) for files in twice(terminal) for file in files) == [
        *(("run.log", False), ("run.log", True)),
        *(("weights", False), ("weights", True)),
    ]
    assert digest(here / "in" / "weights") == big


def test_a_pattern_brings_files_by_their_place_below_the_mount_point(
    machine: Machine, session: Session, here: Path, project: Path
) -> None:
    sync(session, project, REMOTE, PlainView())
    files = list(fetch(session, "work/project/**/*.txt", here / "in"))
    assert [str(file.path.relative_to(here / "in")) for file in files] == ["work/project/sub dir/deep/ü'y\n.txt"]
    with pytest.raises(BadInput, match=r"work/\*\.none"):
        list(fetch(session, "work/*.none", here / "in"))
    run(machine, f"install -m 600 /dev/null {REMOTE}/secret")
    with pytest.raises(GpurigError, match=r"secret on box .* cannot be read: .*Permission denied"):
        list(fetch(session, "work/project/secret", here / "in"))


def test_one_file_that_cannot_be_read_keeps_no_other_back(machine: Machine, session: Session, here: Path) -> None:
    started = Runs(session).start("touch $GPURIG_RESULTS/a $GPURIG_RESULTS/z", name="mixed")
    Runs(session).follow("mixed", print)
    run(machine, f"install -m 600 /dev/null {started.path}/results/m")
    with pytest.raises(GpurigError, match=r"results/m on box .* cannot be read") as caught:
        list(fetch(session, "mixed", here / "in"))
    assert sorted(path.name for path in (here / "in").iterdir()) == ["a", "run.log", "z"]
    assert f"sudo chown -R {session.connection.user}: {started.path}/results" in caught.value.hint


def test_two_terminals_at_once_start_two_runs(machine: Machine, session: Session) -> None:
    def start() -> str:
        with Session(machine.host, tell=quiet) as own:
            return Runs(own).start("sleep 1000").name

    assert sorted(twice(start)) == ["sleep-1", "sleep-2"]
    assert [one.state for one in Runs(session).all()] == ["running", "running"]
