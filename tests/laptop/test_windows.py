"""The laptop's side without what Windows lacks: no fcntl, no pwd, no links, no signals and users of Unix."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from provision.model import laptop
from provision.work import sync
from tests.kit.fab import FAB, ROOT, write_hosts
from tests.kit.laptop import windows

EVERYTHING = """
import importlib, pathlib, sys
for package in ("provision", "gpurig", "infra.settings", "infra.rights"):
    for path in sorted(pathlib.Path(package.replace(".", "/")).rglob("*.py")):
        if "agent" not in path.parts and path.stem != "__main__":
            importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
print(sys.platform, sum(name.startswith("provision.") for name in sys.modules) > 100)
"""


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Windows, as far as it goes here."""
    return windows(tmp_path_factory.mktemp("windows"))


def fab(cwd: Path, env: dict[str, str], *words: str, code: int = 0) -> str:
    """Run `fab` there; returns what it says."""
    done = subprocess.run([*FAB, *words], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_every_module_of_the_laptops_can_be_imported(env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EVERYTHING], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "win32 True\n"), done.stderr


def test_what_asks_no_host_works_in_a_folder_with_a_blank(env: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "my boxes"
    folder.mkdir()
    fab(folder, env, "render", "--recipe", "base", "--gpu", "none", "--out", "user data.gz")
    subprocess.run(
        [*FAB, "render", "--recipe", "base", "--gpu", "none", "--out", "plain.gz"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    assert (folder / "user data.gz").read_bytes() == (folder / "plain.gz").read_bytes()


def test_a_host_that_does_not_answer_is_said_as_anywhere(env: dict[str, str], tmp_path: Path) -> None:
    write_hosts(tmp_path, "desk")
    assert "desk (127.0.0.1) does not answer on port 9" in fab(tmp_path, env, "plan", "base", code=4)


def test_the_users_ssh_config_is_written_without_users_ids(env: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / ".ssh" / "config"
    config.parent.mkdir()
    config.write_text("Host mine\n")
    code = "from provision.transport import user_config as c; c.include(); print(c.included()); c.exclude()"
    command = [sys.executable, "-c", f"{code}; print(c.included())"]
    there = {**env, "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=there, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "True\nFalse\n"), done.stderr
    assert config.read_text() == "Host mine\n"


def test_the_key_that_signs_is_made_where_there_are_no_links(env: dict[str, str], tmp_path: Path) -> None:
    code = "from provision.transport import builder_key as key; print(key.public() == key.public())"
    command, there = [sys.executable, "-c", code], {**env, "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=there, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    assert (tmp_path / ".ssh" / "gpurig" / "kept_ed25519.pub").read_text().startswith("ssh-ed25519 ")


def test_a_file_without_permissions_gets_those_of_what_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in {"run": "#!/bin/sh\n", "data": "x", "empty": ""}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o666)
    monkeypatch.setattr(laptop, "WINDOWS", True)
    modes = {path.name: sync._mode(path, path.stat()) for path in tmp_path.iterdir()}
    assert modes == {"run": 0o755, "data": 0o644, "empty": 0o644}


def test_two_who_fetch_into_one_folder_wait_for_each_other(env: dict[str, str], tmp_path: Path) -> None:
    code = "import sys, pathlib; from provision.model.local_file import alone; folder = pathlib.Path(sys.argv[1])\n"
    code += "with alone(folder):\n    pass\n"
    code += "with alone(folder):\n    pass\nimport msvcrt; print(msvcrt.held)"
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[2, 0, 2, 0]\n"), done.stderr


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("results/a.png", False),
        ("a:b", True),
        ("x/con", True),
        ("nul.txt", True),
        ("console", False),
        ("dot.", True),
        ("blank ", True),
        ("a\\b", True),
        ("what?/x", True),
        ("com1", True),
        ("x/../y", False),
    ],
)
def test_names_that_windows_does_not_have_are_known(monkeypatch: pytest.MonkeyPatch, path: str, wrong: bool) -> None:
    assert not laptop.cannot_be_named(path), "here all are names"
    monkeypatch.setattr(laptop, "WINDOWS", True)
    assert laptop.cannot_be_named(path) is wrong


def test_the_rehearsal_says_in_a_line_where_it_runs(env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal", "story"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert "needs Linux" in line
