"""The guard's script: powers an idle or expired box off, and no other. `systemctl` and its like are this test's own."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from provision.bundle import render as bundle
from provision.model.target import Target
from tests.kit.catalogue import CATALOGUE
from tests.kit.programs import write_program

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare for a /run and a load of its own"
)

PROGRAMS = {
    "systemctl": """case "$*" in
      show*) echo "$BOOTED" ;;
      *is-active*) [ -n "$INSTALLING" ] ;;
      *) echo "$*" >>did ;;
    esac""",
    "pgrep": '[ -n "$LOGGED_IN" ]',
    "nvidia-smi": 'echo "${GPU_USE:-0}"',
    "wall": 'echo "$*" >>said',
    "logger": ":",
}
# Its state in a /run of its own, from `minutes` ago; load and uptime, in seconds, as the test says.
HOST = """
mount -t tmpfs tmpfs /run
mkdir /run/gpurig-guard
[ -z "$MINUTES" ] || touch -d "-$MINUTES minutes" /run/gpurig-guard/used
echo "0.10 ${LOAD:-0.10} 0.10 1/100 1" >load
mount --bind load /proc/loadavg
echo "$UP.00 0.00" >uptime
mount --bind uptime /proc/uptime
bash guard
"""


@dataclasses.dataclass(frozen=True)
class Box:
    """A host whose every sign of life the test decides."""

    folder: Path

    def look(self, target: Target, **signs: str) -> tuple[bool, str]:
        """Let the guard look once; returns whether it powered off, and what it told everybody."""
        text = bundle._render(CATALOGUE.recipes["base"].folder / "guard.sh.j2", target=target)
        (self.folder / "guard").write_text(text, encoding="utf-8")
        for name, body in PROGRAMS.items():
            write_program(self.folder / "bin" / name, body)
        signs = {
            "MINUTES": "",
            "LOGGED_IN": "",
            "INSTALLING": "",
            "BOOTED": "0",
            "UP": "60",
            "LOAD": "",
            "GPU_USE": "",
            **signs,
        }
        env = {**os.environ, **signs, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}
        command = ["unshare", "--mount", "bash", "-ec", HOST]
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        did, said = (self.folder / name for name in ("did", "said"))
        return did.exists() and did.read_text() == "poweroff\n", said.read_text() if said.exists() else ""


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


IDLE = Target(idle_stop_minutes=30)


def test_a_box_that_nobody_used_for_so_long_is_powered_off_with_the_reason(box: Box) -> None:
    assert box.look(IDLE, MINUTES="31") == (True, "gpurig: nobody has used it for 30 minutes: powering off\n")


@pytest.mark.parametrize("minutes", ["", "29"], ids=["just booted", "not long enough"])
def test_a_box_that_is_not_idle_for_long_stays_on(box: Box, minutes: str) -> None:
    assert box.look(IDLE, MINUTES=minutes) == (False, "")


@pytest.mark.parametrize("sign", [{"LOGGED_IN": "1"}, {"INSTALLING": "1"}, {"LOAD": "0.80"}, {"GPU_USE": "97"}])
def test_a_box_in_use_stays_on(box: Box, sign: dict[str, str]) -> None:
    assert box.look(IDLE, MINUTES="600", **sign) == (False, "")


def test_a_gpu_that_cannot_be_asked_is_no_sign_of_life(box: Box) -> None:
    assert box.look(IDLE, MINUTES="31", GPU_USE="[N/A]")[0]


def test_a_box_whose_lifetime_is_over_is_powered_off_also_in_use(box: Box) -> None:
    off, said = box.look(Target(lifetime_hours=1), UP="3601", LOGGED_IN="1")
    assert off
    assert "its lifetime of 1 h is over" in said


def test_everybody_is_warned_a_quarter_of_an_hour_before(box: Box) -> None:
    off, said = box.look(Target(lifetime_hours=1), UP=str(50 * 60))
    assert not off
    assert "powers off in 10 minutes" in said


def test_the_lifetime_counts_from_the_boot_of_the_box_and_not_of_the_machine_around_it(box: Box) -> None:
    off, said = box.look(Target(lifetime_hours=1), UP=str(80 * 60), BOOTED=str(30 * 60 * 10**6))
    assert not off
    assert "powers off in 10 minutes" in said


def test_without_limits_nothing_is_ever_powered_off(box: Box) -> None:
    assert box.look(Target(), MINUTES="9999") == (False, "")
