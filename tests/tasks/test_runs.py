"""The verbs around runs as a user types them, where no host is needed: words, names, and what bad input gets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provision.agent import run_names, runs, start
from provision.agent.wire.documents import Account
from provision.agent.wire.events import Event
from provision.agent.words import Kind
from provision.model.errors import BadInput, GpurigError
from provision.model.host import Host
from provision.screen.progress import PlainView
from provision.tasks import collection, words
from provision.transport.session import Session
from provision.work.sync import sync
from provision.work.transfer import fetch
from provision.work.worktree import held_in, ignored
from tests.kit.programs import write_program

HOST = Host(name="box", address="192.0.2.7")


def rewritten(*typed: str) -> list[str]:
    """Return what Fabric's task parser is given for a command line without core options."""
    end = typed.index("--") if "--" in typed else len(typed)
    core = SimpleNamespace(unparsed=list(typed[:end]), remainder=" ".join(typed[end + 1 :]))
    tasks = collection()
    words.rewrite(core, ["fab", *typed], tasks.tasks, set(tasks.task_names))
    assert not core.remainder or "run" not in core.unparsed
    return list(core.unparsed)


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("run -- python train.py --epochs 3", ["run", "--command=python train.py --epochs 3"]),
        ("run --name x -- ls", ["run", "--name", "x", "--command=ls"]),
        ("sync run --detach -- ls", ["sync", "run", "--detach", "--command=ls"]),
        ("logs train-1 --follow", ["logs", "--name=train-1", "--follow"]),
        ("logs --follow", ["logs", "--follow"]),
        ("sync . logs x", ["sync", "--folder=.", "logs", "--name=x"]),
        ("run --name sync --detach", ["run", "--name", "sync", "--detach"]),
        ("cancel x", ["cancel", "x"]),
        ("setup base --fresh", ["setup", "--recipe=base", "--fresh"]),
    ],
)
def test_words_become_options_before_fabric_reads_them(typed: str, given: list[str]) -> None:
    assert rewritten(*typed.split()) == given


def test_a_commands_words_arrive_as_the_shell_gave_them() -> None:
    assert rewritten("run", "--", "echo", "a  b", "$HOME")[-1] == "--command=echo 'a  b' '$HOME'"
    assert rewritten("run", "--", "a | b > c")[-1] == "--command=a | b > c"


@pytest.mark.parametrize("what", ["../../etc/passwd", "/etc/*", "work/../../x", "/jobs", ""])
def test_a_pattern_stays_below_the_mount_point(tmp_path: Path, what: str) -> None:
    with Session(HOST) as session, pytest.raises(BadInput, match="below /jobs"):
        list(fetch(session, what, tmp_path))


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "link/x", "", "."])
def test_a_host_cannot_write_outside_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def answer(*_: Any, **__: Any) -> Iterator[Event]:
        yield {"event": Kind.FILE, "goal": name, "path": "/jobs/x", "size": 1, "sha256": "0", "part": 0, "prefix": ""}

    into = tmp_path / "in"
    into.mkdir()
    (into / "link").symlink_to(tmp_path)
    monkeypatch.setattr(Session, "ask", answer)
    with Session(HOST) as session, pytest.raises(GpurigError, match="not fetched"):
        list(fetch(session, "train-1", into))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


@pytest.mark.parametrize(
    ("folder", "remote"),
    [("here", "/jobs/work"), ("here", "/jobs/work/../runs/x"), ("/", "/jobs/work/x"), ("~", "/jobs/work/x")],
)
def test_a_folder_is_refused_before_a_host_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, remote: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here").mkdir()
    session = Session(HOST)
    with pytest.raises(BadInput, match=r"below /jobs/work|holds your home folder"):
        sync(session, Path(folder).expanduser(), remote, PlainView())
    assert session._connection is None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with rules at two depths."""
    for name in ("a.py", "b.log", "sub/c.py", "sub/d.tmp", "sub/keep.log", "deep/data/e"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / ".gitignore").write_text("*.log\n/deep/data\n")
    (tmp_path / "sub" / ".gitignore").write_text("*.tmp\n!keep.log\n")
    (tmp_path / "link").symlink_to("nowhere")
    return tmp_path


HELD = [".gitignore", "a.py", "link", "sub/.gitignore", "sub/c.py", "sub/keep.log"]


def git(folder: Path, *said: str) -> None:
    subprocess.run(["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@example.org", *said], check=True)


@pytest.mark.parametrize("where", ["no repository", "repository", "below one"])
def test_what_git_ignores_is_not_sent(folder: Path, where: str) -> None:
    if where == "repository":
        git(folder, "init", "--quiet")
        git(folder, "add", "a.py", "sub/c.py")
        (folder / "gone").touch()
        git(folder, "add", "gone")
        (folder / "gone").unlink()
    elif where == "below one":
        git(folder.parent, "init", "--quiet")
    assert held_in(folder).names == HELD
    assert ignored(folder, ["new.log", "new.py", "sub/x/y.tmp", "deep/data/f", "keep.log"]) == {
        *("new.log", "sub/x/y.tmp", "deep/data/f", "keep.log"),
    }


def test_a_repository_in_the_folder_has_rules_of_its_own(folder: Path) -> None:
    git(folder, "init", "--quiet")
    inner = folder / "inner"
    inner.mkdir()
    git(inner, "init", "--quiet")
    (inner / "x.py").touch()
    (inner / "x.bin").touch()
    (inner / ".gitignore").write_text("*.bin\n")
    assert [name for name in held_in(folder).names if name.startswith("inner")] == ["inner/.gitignore", "inner/x.py"]


def test_without_git_a_gitignore_is_not_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(BadInput, match="no `git` on PATH"):
        held_in(folder)
    for rules in (folder / ".gitignore", folder / "sub" / ".gitignore"):
        rules.unlink()
    assert "b.log" in held_in(folder).names


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python train.py --epochs 3", "train-1"),
        ("CUDA_VISIBLE_DEVICES=0 python3.10 -u examples/Big_Net.py", "big-net-1"),
        ("th main.lua -gpu 0", "main-1"),
        ("python -m pytest", "pytest-1"),
        ("./run.sh", "run-1"),
        ("'unfinished", "unfinished-1"),
        ("bash", "run-1"),
        ("ls", "ls-8"),
    ],
)
def test_a_name_is_made_from_what_is_run(command: str, name: str) -> None:
    assert run_names.free_name(["ls-7", "ls-extra", "ls-x-9"], command) == name


@pytest.mark.parametrize(
    ("said", "stopped", "ended"),
    [
        ("success,exited,0,running", False, ("done", 0)),
        ("exit-code,exited,3,degraded", False, ("failed", 3)),
        ("core-dump,dumped,SEGV,running", False, ("failed", 139)),
        ("oom-kill,killed,KILL,running", False, ("failed", 137)),
        ("signal,killed,KILL,running", False, ("lost", 137)),
        ("signal,killed,TERM,running", True, ("stopped", 143)),
        ("success,exited,0,stopping", False, ("lost", 0)),
        ("resources,,,running", False, ("lost", None)),
        ("", False, ("lost", None)),
    ],
)
def test_how_a_run_ended_is_told_from_what_its_service_left(
    said: str, stopped: bool, ended: tuple[str, int | None]
) -> None:
    assert runs.ending(said, stopped=stopped)[:2] == ended


def test_a_run_that_ends_on_a_box_whose_systemd_is_slow_is_not_lost(tmp_path: Path) -> None:
    """What notes the end is killed there before systemd has told it how the system is."""
    write_program(tmp_path / "bin" / "systemctl", "kill -9 0")
    (tmp_path / "end").write_text(start.NO_END)
    told = {"SERVICE_RESULT": "success", "EXIT_CODE": "exited", "EXIT_STATUS": "0", "GPURIG_RUN": str(tmp_path)}
    env = {**told, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", start.ENDED], env=env, check=False, start_new_session=True)
    assert done.returncode == -signal.SIGKILL
    assert runs.ending((tmp_path / "end").read_text().strip(), stopped=False)[:2] == ("done", 0)


@pytest.mark.parametrize(
    ("said", "ended"),
    [
        ("success,exited,0,running", ("interrupted", 0)),
        ("success,killed,TERM,running", ("interrupted", 143)),
        ("signal,killed,KILL,stopping", ("interrupted", 137)),
        ("oom-kill,killed,KILL,running", ("interrupted", 137)),
        ("", ("interrupted", None)),
    ],
)
def test_one_that_was_asked_to_end_is_interrupted_however_it_ended(said: str, ended: tuple[str, int | None]) -> None:
    assert runs.ending(said, stopped=False, interrupted=True)[:2] == ended
    assert runs.ending(said, stopped=True, interrupted=True)[0] == "stopped"


@pytest.mark.parametrize(
    ("end", "record", "resumable"),
    [
        ("success,killed,TERM,running", {"interrupted": 1.0}, True),
        ("success,killed,TERM,running", {"interrupted": 1.0, "once": True}, False),
        ("success,killed,TERM,running", {"interrupted": 1.0, "stopped": 2.0}, False),
        ("success,exited,0,running", {"interrupted": 4e9}, False),  # it had ended before
        ("success,exited,0,stopping", {}, True),
        ("", {}, True),
        ("", {"stopped": 2.0}, False),
        ("success,exited,0,running", {}, False),
        ("signal,killed,KILL,running", {}, False),
        ("exit-code,exited,1,running", {}, False),
    ],
)
def test_what_was_cut_off_by_the_end_of_its_box_may_go_on(
    tmp_path: Path, end: str, record: dict[str, Any], resumable: bool
) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"since": 0.0, **record}))
    (tmp_path / "end").write_text(end)
    (tmp_path / "log").touch()
    account: Account = {"user": "root", "mount_point": str(tmp_path), "volume_id": ""}
    assert runs.run_row(tmp_path, account, up=False)["resumable"] is resumable
