"""`sync` and `fetch` with a real box: both transports, what is cut off in the middle, two terminals at once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.model.errors import BadInput, GpurigError
from provision.screen.progress import PlainView
from provision.transport.session import Session
from provision.work.runs import Runs
from provision.work.sync import sync
from provision.work.transfer import Fetched, fetch
from tests.kit.box import Machine, quiet, run, twice
from tests.kit.laptop import OPENRSYNC
from tests.kit.programs import write_program

REMOTE = "/jobs/work/project"
MIB = 2**20


@pytest.fixture
def session(machine: Machine) -> Iterator[Session]:
    """A session with the box, which forgets the runs and work of the test."""
    with Session(machine.host, tell=quiet) as opened:
        yield opened
        opened.root("systemctl stop 'gpurig-run-*'; rm -rf /jobs/runs /jobs/work")


@pytest.fixture(params=["rsync", "SFTP"])
def transport(request: pytest.FixtureRequest, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """How `sync` gets there."""
    if request.param == "SFTP":  # a Mac's own rsync does not do what is wanted of it
        write_program(tmp_path / "mac" / "rsync", OPENRSYNC)
        monkeypatch.setenv("PATH", f"{tmp_path / 'mac'}:{os.environ['PATH']}")
    elif not shutil.which("rsync"):
        pytest.skip("there is no rsync on this machine")
    else:
        run(machine, "command -v rsync || { apt-get -q update && apt-get -q install -y rsync; } >/dev/null")
    return str(request.param)


@pytest.fixture
def project(here: Path) -> Path:
    """A folder with what a folder may hold."""
    folder = here / "project"
    (folder / "sub dir" / "deep").mkdir(parents=True)
    (folder / ".gitignore").write_text("*.log\n/data/\n!keep.log\n")
    (folder / "train.py").write_text("print()\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "sub dir" / "deep" / "ü'y\n.txt").write_text("odd")
    (folder / "latest").symlink_to("sub dir/deep")
    for ignored in ("x.log", "sub dir/y.log", "data/big", "results/old.txt"):
        (folder / ignored).parent.mkdir(exist_ok=True)
        (folder / ignored).write_text("no")
    (folder / "sub dir" / "keep.log").write_text("yes")
    return folder


SENT = [".gitignore", "latest", "run.sh", "sub dir/deep/ü'y\n.txt", "sub dir/keep.log", "train.py"]


def there(machine: Machine) -> list[str]:
    """Return the files and links of the synced folder."""
    return sorted(run(machine, f"cd {REMOTE} && find . ! -type d -print0").replace("./", "", 1).split("\0./"))


def test_sync_sends_what_is_new_and_deletes_only_when_told(
    machine: Machine, session: Session, project: Path, transport: str
) -> None:
    first = sync(session, project, REMOTE, PlainView())
    assert (first.by, first.files, first.same, first.deleted) == (transport, 6, 0, 0), "a link is sent, too"
    assert [name.rstrip("\0") for name in there(machine)] == SENT
    listed = run(machine, f"cd {REMOTE} && readlink latest && stat -c '%a %U' run.sh && cat latest/*")
    assert listed == "sub dir/deep\n755 ubuntu\nodd"
    again = sync(session, project, REMOTE, PlainView())
    assert (again.files, again.same) == (0, 6)
    (project / "train.py").write_text("print(1)\n")
    run(machine, f"cd {REMOTE} && mkdir -p gone/deep data results && touch gone/deep/a data/b results/c z.log")
    run(machine, f"chown -R ubuntu: {REMOTE}")
    second = sync(session, project, REMOTE, PlainView())
    assert (second.files, second.deleted) == (1, 0)
    assert run(machine, f"cat {REMOTE}/train.py; ls {REMOTE}/gone/deep") == "print(1)\na\n"
    (project / "run.sh").unlink()
    third = sync(session, project, REMOTE, PlainView(), delete=True)
    assert (third.files, third.deleted) == (0, 2)
    listed = run(machine, f"cd {REMOTE} && ls -d *")
    assert listed.split("\n") == ["data", "latest", "results", "sub dir", "train.py", "z.log", ""]


@pytest.mark.usefixtures("transport")
def test_a_name_that_is_no_utf_8_is_one_like_another(machine: Machine, session: Session, project: Path) -> None:
    """As Latin-1 has it, an é is the byte E9 alone."""
    folder = project / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / os.fsdecode(b"\xe9t\xe9.txt")).write_text("summer")
    (project / os.fsdecode(b"caf\xe9 latest")).symlink_to(folder.name)
    assert sync(session, project, REMOTE, PlainView()).files == 8
    assert sync(session, project, REMOTE, PlainView()).same == 8
    assert run(machine, rf"cat {REMOTE}/$(printf 'caf\351')*latest/$(printf '\351t\351.txt')") == "summer"
    (folder / os.fsdecode(b"\xe9t\xe9.txt")).unlink()
    assert sync(session, project, REMOTE, PlainView(), delete=True).deleted == 1
    assert run(machine, rf"ls {REMOTE} | grep -c ^caf") == "1\n", "its folder went with it, and the link stays"


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ('[submodule "lib"]\npath = lib\nurl = ../lib\n', "is a submodule that is not checked out: git -C "),
        ("", "is a link to a repository that .gitmodules does not name; clone it there"),
    ],
)
def test_a_repository_that_is_not_checked_out_is_said_and_what_a_host_has_of_it_stays(
    machine: Machine, project: Path, words: str, said: str
) -> None:
    (project / ".gitmodules").write_text(words)
    for command in ("init -q", "add .", f"update-index --add --cacheinfo 160000,{'a' * 40},lib"):
        subprocess.run(["git", "-C", project, *command.split()], check=True)
    (project / "lib").mkdir()
    heard: list[str] = []
    with Session(machine.host, tell=heard.append) as opened:
        assert sync(opened, project, REMOTE, PlainView()).files == 7
        run(machine, f"cd {REMOTE} && mkdir lib && touch lib/a.py b.py && chown -R ubuntu: .")
        assert sync(opened, project, REMOTE, PlainView(), delete=True).deleted == 1
        left = run(machine, f"cd {REMOTE} && find . -name '*.py' | sort").split()
        assert left == ["./lib/a.py", "./train.py"]
        opened.root("rm -rf /jobs/work")
    assert any(line.startswith(f"{project / 'lib'} {said}") for line in heard)


def test_sync_refuses_a_goal_outside_its_place(session: Session, project: Path) -> None:
    for remote in ("/jobs/work/../../etc", "/etc", "/jobs/work"):
        with pytest.raises(BadInput, match="below /jobs/work"):
            sync(session, project, remote, PlainView(), delete=True)


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
