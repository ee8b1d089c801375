"""`sync` with a real box: by rsync and by SFTP, with the same outcome."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from provision.model.errors import BadInput
from provision.screen.progress import PlainView
from provision.transport.session import Session
from provision.work.sync import sync
from tests.kit.box import Machine, run
from tests.kit.laptop import OPENRSYNC
from tests.kit.programs import write_program

REMOTE = "/jobs/work/project"


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
