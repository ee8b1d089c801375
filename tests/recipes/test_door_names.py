"""What the door answers to: the box's names and addresses, and its addresses alone where its name is none for a URL."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provision.bundle.render import render
from provision.model.target import Target
from tests.kit.programs import write_program


def prepared(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Run what goes before the door, on a box of that name and one address."""
    (step,) = [step for step in render(["door"], Target()).steps if step.name == "door"]
    (text,) = [file["content"] for file in step.files if file["path"].endswith("/prepare")]
    (folder / "prepare").write_text(text.replace("/var/lib/gpurig-door", f"{folder}/state"))
    write_program(folder / "bin" / "install", 'mkdir -p "${@: -1}"')
    write_program(folder / "bin" / "hostname", f"echo {name}")
    write_program(folder / "bin" / "ip", "echo '2: eth0    inet 192.0.2.7/24 scope global eth0'")
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", str(folder / "prepare")]
    return subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("name", "names"),
    [("desk", {"desk", "desk.local", "desk.lan", "desk.internal", "desk.home.arpa"}), ("my_desk", set())],
)
def test_the_door_opens_under_whatever_name_the_box_has(tmp_path: Path, name: str, names: set[str]) -> None:
    done = prepared(tmp_path, name)
    assert done.returncode == 0, done.stderr
    lines = [line.removesuffix(";").split() for line in (tmp_path / "state" / "names.conf").read_text().splitlines()]
    assert {word for line in lines for word in line} == ({"server_name", *names} if names else set())
    shown = ["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", str(tmp_path / "state" / "cert.pem")]
    said = subprocess.run(shown, capture_output=True, text=True, check=True).stdout
    assert {part.strip() for part in said.splitlines()[1].split(",")} == {
        "IP Address:192.0.2.7",
        *(f"DNS:{one}" for one in names),
    }
