"""What `lib.sh` does about Pythons, packages and drivers, called by a real bash."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from provision.agent.steps import REFUSED
from provision.model.target import Target
from tests.recipes.shell import Shell


@pytest.mark.parametrize(("driver", "fits"), [("580.126.09", True), ("595.10", True), ("579.99", False)])
def test_a_driver_has_to_be_of_the_branch_or_a_newer_one(shell: Shell, driver: str, *, fits: bool) -> None:
    shell.program("nvidia-smi", f"printf '%s\\n' {driver} {driver}")  # a line for each of two GPUs
    done = shell.run("want_driver 580; say goes on")
    assert (done.returncode == 0, "goes on" in done.stdout) == (fits, fits)
    assert fits or f"driver here is {driver}, and this needs branch 580" in done.stderr


@pytest.mark.parametrize(
    ("volume", "image", "way"),
    [
        ("", "ubuntu-22.04", "bring it up to date the way it came"),
        ("vol-1", "dlami-base-22.04", "take image ubuntu-22.04"),
        ("vol-1", "ubuntu-22.04", "take it off, and fab setup-nvidia-driver installs one"),
    ],
)
def test_a_driver_that_is_too_old_goes_the_way_that_its_machine_has(
    shell: Shell, volume: str, image: str, way: str
) -> None:
    shell = dataclasses.replace(shell, target=Target(volume_id=volume, image=image))
    shell.program("nvidia-smi", "echo 470.256.02")
    done = shell.run("want_driver 580", code=REFUSED)
    assert way in done.stderr
    assert "ubuntu-22.04" not in done.stderr or image != "ubuntu-22.04"


def test_a_driver_that_does_not_answer_is_an_error_in_its_own_words(shell: Shell) -> None:
    shell.program("nvidia-smi", "echo 'Driver/library version mismatch'; exit 18")
    done = shell.run("want_driver 525; say goes on", code=REFUSED)
    assert "Driver/library version mismatch" in done.stderr
    assert "setup-nvidia-driver" in done.stderr


@pytest.mark.parametrize(("release", "fits"), [("3.9", False), ("3.10", True), ("3.13", True), ("3.14", False)])
def test_releases_of_python_are_compared_as_numbers(shell: Shell, release: str, *, fits: bool) -> None:
    shell.program("python3", f"echo {release}")
    done = shell.run("want_python 3.10 3.13; say goes on")
    assert (done.returncode == 0, "goes on" in done.stdout) == (fits, fits)
    assert fits or f"python3 here is {release}, and this needs 3.10 to 3.13" in done.stderr


def test_a_package_comes_by_its_hash_or_not_at_all(shell: Shell) -> None:
    wheel, other = (shell.folder / name / "tiny-1-py3-none-any.whl" for name in ("good", "other"))
    for path, text in ((wheel, "whose = 'ours'\n"), (other, "whose = 'theirs'\n")):
        path.parent.mkdir()
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("tiny.py", text)
            file.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
            file.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            file.writestr("tiny-1.dist-info/RECORD", "")
    venv, listed = shell.folder / "venv", shell.folder / "requirements.txt"
    shell.run(f"'{sys.executable}' -m venv '{venv}'", code=0)

    def install(pin: str, index: Path) -> subprocess.CompletedProcess[str]:
        listed.write_text(f"{pin}\n")
        folder, script = str(index.parent), f"pip_install '{venv}' '{listed}'"
        return shell.run(script, PIP_NO_INDEX="1", PIP_FIND_LINKS=folder, PIP_CONFIG_FILE=os.devnull)

    pin = f"tiny==1 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"
    assert "pip could not install" in install("tiny==1", wheel).stderr, "without a hash"
    swapped = install(pin, other)
    assert "pip could not install" in swapped.stderr
    assert "DO NOT MATCH THE HASHES" in swapped.stderr
    assert install(pin, wheel).returncode == 0
    said = shell.run(f"'{venv}/bin/python' -c 'import tiny; print(tiny.whose)'")
    assert said.stdout == "ours\n"


def test_an_environment_that_lost_a_package_is_made_anew_and_a_whole_one_is_not(shell: Shell) -> None:
    venv, listed = shell.folder / "venv", shell.folder / "requirements.txt"
    listed.write_text("tiny-thing==1 --hash=sha256:0\n")
    shell.run(f"'{sys.executable}' -m venv --without-pip '{venv}'", code=0)
    shutil.copy(listed, venv)
    (site,) = venv.glob("lib/*/site-packages")
    (site / "pip.py").write_text("")
    metadata = site / "tiny_thing-1.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: tiny-thing\nVersion: 1\n")
    shell.program("python3", "echo makes $*; exit 1")
    script = f"venv='{venv}'; new_venv '{listed}'"
    assert shell.run(script, code=0).stdout == ""
    shutil.rmtree(metadata.parent)
    assert "makes -m venv" in shell.run(script, code=1).stdout


def test_an_environment_imports_what_another_one_holds_and_changes_nothing_there(shell: Shell) -> None:
    inside = f"lib/python{'.'.join(platform.python_version_tuple()[:2])}/site-packages"
    # As recipes have it: a link to the folder that the environment was made in.
    theirs, own = shell.folder / "theirs", shell.folder / "own"
    theirs.symlink_to("theirs-1")
    done = shell.run(
        f"for venv in '{theirs}-1' '{own}'; do '{sys.executable}' -m venv --without-pip \"$venv\"; done", code=0
    )
    for name in ("theirs_alone", "both"):
        (theirs / inside / name).mkdir()
        (theirs / inside / name / "__init__.py").write_text("whose = 'theirs'\n")
    (own / inside / "both.py").write_text("whose = 'own'\n")
    before = sorted(theirs.rglob("*"))

    look = f"is_shared '{own}' '{theirs}' theirs_alone && say shared || say apart"
    assert shell.run(look).stdout == "apart\n"
    done = shell.run(f"share_packages '{own}' '{theirs}'; {look}")
    assert done.stdout == "shared\n", done.stderr
    script = "import both, theirs_alone; print(both.whose, theirs_alone.whose)"
    assert shell.run(f"PYTHONDONTWRITEBYTECODE=1 '{own}/bin/python' -c '{script}'").stdout == "own theirs\n"
    assert sorted(theirs.rglob("*")) == before
    assert shell.run(f"is_shared '{own}' '{theirs}' torch || say none").stdout == "none\n"
