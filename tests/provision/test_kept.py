"""Builds kept on the job volume: a fresh box takes them from there, and what is not as it was kept is never used."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import stat
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from provision.errors import BadInput
from provision.target import Target
from tests.provision.lab import gate, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.provision.lab import Lab

pytestmark = pytest.mark.skipif(not shutil.which("zstd"), reason="there is no zstd here")

BUILD = """
mkdir -p opt/tool/bin usr/share/tool etc
[ -e opt/tool/bin/tool ] || { echo build >> said; head -c 5000000 /dev/urandom > opt/tool/bin/large; }
echo v1 > opt/tool/bin/tool; chmod 0751 opt/tool/bin/tool; ln -sfn bin opt/tool/current
echo doc > usr/share/tool/doc; ln -f usr/share/tool/doc usr/share/tool/other; mkdir -p usr/share/tool/empty
echo set > etc/setting
"""
NEEDED = "test -e opt/tool/bin/tool && test -e usr/share/tool/doc"


@pytest.fixture
def box(lab: Lab, tmp_path: Path) -> Lab:
    """A host whose root file system is a folder, with a job volume beside it, and a recipe that builds."""
    (tmp_path / "jobs").mkdir()
    lab.target = Target(mount_point=str(tmp_path / "jobs"))
    lab.more["GPURIG_ROOT"] = str(lab.world)
    program(lab, "dpkg-query", f"cat {lab.world}/packages 2>/dev/null || true")
    lab.recipe("base")
    recipe(lab)
    return lab


def recipe(lab: Lab, body: str = BUILD, *, verify: str = NEEDED, toml: str = "") -> None:
    keeps = f'keeps = ["{lab.world}/opt/tool"]'
    lab.recipe("tool", f'needs = ["base"]\n{keeps}\n{toml}', body=body, verify=verify)


def program(lab: Lab, name: str, body: str) -> None:
    path = lab.bin / name
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)


def kept(lab: Lab, pattern: str = "*") -> list[str]:
    """Return what the job volume keeps, without the keys."""
    folder = Path(lab.target.mount_point) / ".gpurig" / "kept"
    return sorted("-".join(path.name.split("-")[:2]) for path in folder.glob(pattern))


def entry(lab: Lab, kind: str) -> Path:
    (found,) = (Path(lab.target.mount_point) / ".gpurig" / "kept").glob(f"tool-{kind}-*")
    return found


def next_box(lab: Lab) -> None:
    """Lose the machine; the job volume is what stays."""
    lab.clean_up()
    shutil.rmtree(lab.home)
    shutil.rmtree(lab.profile, ignore_errors=True)
    shutil.rmtree(lab.world)
    lab.world.mkdir()


def setup(lab: Lab, **fields: bool) -> str:
    """Set the recipe up; returns what of it came from the job volume."""
    events = lab.ask("apply", lab.bundle("tool"), **fields)
    assert events[-1]["event"] == "ready", events
    (done,) = [event for event in events if event.get("step") == "tool" and event.get("state") == "installed"]
    return str(done.get("kept", ""))


def said(lab: Lab) -> str:
    return (lab.home / "logs" / "tool.log").read_text()


def tree(top: Path) -> dict[str, tuple[object, ...]]:
    """Return all that there is to know about the files below a folder."""
    rows: dict[str, tuple[object, ...]] = {}
    for path in sorted(top.rglob("*")):
        seen = path.lstat()
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        time = seen.st_mtime_ns // 10**9 if stat.S_ISREG(seen.st_mode) else 0
        rows[str(path.relative_to(top))] = (seen.st_mode, seen.st_uid, seen.st_gid, seen.st_nlink, time, content)
    return rows


def test_a_second_box_installs_nothing_and_has_the_same_files(box: Lab) -> None:
    assert setup(box) == ""
    assert kept(box) == ["tool-built", "tool-whole"]
    first = [tree(box.world / name) for name in ("opt", "usr", "etc")]
    assert "kept on the job volume (built)" in said(box)
    next_box(box)
    assert setup(box) == "whole"
    assert box.runs("tool") == 0
    assert box.runs("base") == 1, "what comes before the volume is always installed"
    assert [tree(box.world / name) for name in ("opt", "usr", "etc")] == first
    assert "taken from the job volume (whole)" in said(box)
    assert [event["kept"] for event in box.journal() if event.get("kept")] == ["whole"]


def test_what_is_kept_is_root_s_own(box: Lab) -> None:
    setup(box)
    folder = Path(box.target.mount_point) / ".gpurig" / "kept"
    for path in (folder, entry(box, "built"), entry(box, "whole")):
        assert path.stat().st_mode & 0o777 == 0o700
        assert path.stat().st_uid == os.geteuid()


def test_a_box_with_other_packages_takes_the_tree_and_installs_over_it(box: Lab) -> None:
    setup(box)
    next_box(box)
    (box.world / "packages").write_text("libc6 amd64 2.36 install ok installed\n")
    assert setup(box) == "built"
    assert box.runs("tool") == 1
    assert not (box.world / "said").exists(), "it was built again"
    assert kept(box).count("tool-whole") == 2, "what this box is like is kept beside the other"


@pytest.mark.parametrize("change", [{"compute": "8.6"}, {"image": "debian-12"}, {"user": "somebody"}])
def test_another_gpu_image_or_account_takes_nothing(box: Lab, change: dict[str, Any]) -> None:
    setup(box)
    next_box(box)
    box.target = dataclasses.replace(box.target, **change)
    assert setup(box) == ""
    assert (box.world / "said").read_text() == "build\n"


def test_another_recipe_below_it_takes_nothing(box: Lab) -> None:
    box.recipe("below", 'needs = ["base"]')
    recipe(box, toml="")
    text = (box.recipes / "tool" / "recipe.toml").read_text().replace('["base"]', '["below"]')
    (box.recipes / "tool" / "recipe.toml").write_text(text)
    setup(box)
    next_box(box)
    box.recipe("below", 'needs = ["base"]', body="true")
    assert setup(box) == ""


def cut_short(part: Path) -> None:
    os.truncate(part, part.stat().st_size - 1)


def flip(part: Path) -> None:
    with part.open("r+b") as file:
        file.seek(part.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def lose(part: Path) -> None:
    part.unlink()


@pytest.mark.parametrize(
    ("part", "damage"), [("rest-0", flip), ("rest-0", cut_short), ("0", flip), ("0", lose), ("index.json", cut_short)]
)
def test_an_entry_that_is_not_what_was_kept_is_deleted_and_made_anew(
    box: Lab, part: str, damage: Callable[[Path], None]
) -> None:
    setup(box)
    damage(entry(box, "built") / part)
    next_box(box)
    assert setup(box) == "built", "what else was kept of it is taken"
    assert "(built) is of no use and is deleted" in said(box)
    assert (box.world / "said").read_text() == "build\n"
    assert not list(box.world.rglob("*.gpurig"))
    next_box(box)
    assert setup(box) == "whole"


@contextlib.contextmanager
def volume(lab: Lab, size: str) -> Iterator[None]:
    """Give the host a job volume of that size."""
    mount = lab.target.mount_point
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "gpurig-test", mount]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a volume of its own needs root and the right to mount")
    try:
        yield
    finally:
        lab.clean_up()
        subprocess.run(["umount", mount], check=True)


def test_a_volume_without_room_never_fails_an_install(box: Lab) -> None:
    with volume(box, "8m"):
        recipe(box, BUILD.replace("5000000", "9000000"))
        assert setup(box) == "full"
        assert "not kept on the job volume (built): there is no room for it" in said(box)
        assert kept(box) == ["tool-whole"]


def test_a_volume_that_fills_up_keeps_nothing_half(box: Lab) -> None:
    with volume(box, "64m"):
        subprocess.run(["fallocate", "-l", "58M", f"{box.target.mount_point}/mine"], check=True)
        assert setup(box) == "full"
        assert "not kept on the job volume (built)" in said(box)
        assert kept(box) == ["tool-whole"]
        assert (Path(box.target.mount_point) / "mine").stat().st_size == 58 * 2**20


def test_the_longest_unused_goes_when_its_share_of_the_volume_is_spent(box: Lab) -> None:
    with volume(box, "32m"):
        for release in ("v1", "v2"):
            recipe(box, BUILD.replace("v1", release))
            setup(box)
            next_box(box)
            time.sleep(0.05)
        # Two of 5 MB are in the 12.8 that entries may take; using the first makes the second the one to go.
        recipe(box)
        assert setup(box) == "whole"
        next_box(box)
        recipe(box, BUILD.replace("v1", "v3"))
        assert setup(box) == ""
        next_box(box)
        recipe(box)
        assert setup(box) == "whole"
        next_box(box)
        recipe(box, BUILD.replace("v1", "v2"))
        assert setup(box) != "whole"


def test_a_mount_point_without_its_volume_is_left_alone(box: Lab) -> None:
    box.target = dataclasses.replace(box.target, volume_id="vol-0123456789abcdef0")
    assert setup(box) == ""
    assert not list(Path(box.target.mount_point).iterdir())


def test_a_folder_that_others_may_write_to_is_left_alone(box: Lab) -> None:
    setup(box)
    next_box(box)
    (Path(box.target.mount_point) / ".gpurig").chmod(0o777)
    assert setup(box) == ""
    assert (box.world / "said").read_text() == "build\n"


FUSSY = f"""
cp etc/setting setting.$(wc -l < tool.runs) 2>/dev/null || true
if [ -e fussy ] && [ -e opt/tool/current ]; then echo cannot use it; exit 3; fi
{BUILD}
[ ! -e fussy ] || touch clean
"""


def test_an_install_that_fails_over_what_was_kept_is_done_again_without(box: Lab) -> None:
    verify = f"{NEEDED} && [ ! -e fussy -o -e clean ]"
    recipe(box, FUSSY, verify=verify)
    setup(box)
    next_box(box)
    (box.world / "fussy").touch()
    (box.world / "etc").mkdir()
    (box.world / "etc" / "setting").write_text("mine\n")
    assert setup(box) == ""
    assert "cannot use it\ngpurig: what was kept of this step did not do: installing it without" in said(box)
    assert box.runs("tool") == 2
    assert (box.world / "said").read_text() == "build\n"
    assert (box.world / "setting.1").read_text() == "set\n", "the first install saw what was put back"
    assert (box.world / "setting.2").read_text() == "mine\n", "the second one saw what had been there"
    next_box(box)
    assert setup(box) == "whole", "what the clean install made is kept"


def test_a_run_killed_while_it_puts_back_leaves_nothing_half_done(box: Lab) -> None:
    setup(box)
    first = tree(box.world / "opt")
    next_box(box)
    real = shutil.which("zstd")
    program(
        box, "zstd", f'[[ "$*" != *-d* ]] || {{ touch {box.world}/reading; {gate(f"{box.world}/gate")}; }}; {real} "$@"'
    )
    with box.client("apply", box.bundle("tool")):
        until((box.world / "reading").exists)
        box.clean_up()
    box.open("gate")
    assert setup(box) == "whole"
    assert tree(box.world / "opt") == first
    assert not list((box.home / "kept").glob("tool*"))


def test_fresh_takes_nothing_and_keeps_what_it_made(box: Lab) -> None:
    setup(box)
    before = entry(box, "built").stat().st_ino
    next_box(box)
    assert setup(box, fresh=True) == ""
    assert (box.world / "said").read_text() == "build\n"
    assert entry(box, "built").stat().st_ino != before


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("echo x >> etc/passwd", "/etc/passwd is this machine's own"),
        ("mkdir -p boot; touch boot/vmlinuz", "/boot/vmlinuz is this machine's own"),
        (
            "mkdir -p usr/lib/modules/6.8; touch usr/lib/modules/6.8/nvidia.ko",
            "/usr/lib/modules/6.8 is this machine's own",
        ),
        ("mkdir -p var/lib/docker; touch var/lib/docker/image", "/var/lib/docker/image is this machine's own"),
        ("mkdir -p etc/systemd/system; touch etc/systemd/system/other.service", "it started other.service"),
        (
            "echo 'libc6 amd64 2.37 install ok installed' > packages",
            "packages that were there were removed or replaced",
        ),
    ],
)
def test_what_is_more_than_files_is_not_kept_whole(box: Lab, more: str, why: str) -> None:
    program(box, "systemctl", "echo active")
    (box.world / "packages").write_text("libc6 amd64 2.36 install ok installed\n")
    recipe(box, BUILD + more)
    setup(box)
    assert f"not kept on the job volume (whole): {why}" in said(box)
    assert kept(box) == ["tool-built"]


def test_what_others_write_meanwhile_is_not_taken_for_the_step_s(box: Lab) -> None:
    recipe(box, f"{BUILD}\nmkdir -p var/lib/cloud var/log; touch var/lib/cloud/seen var/log/messages etc/machine-id")
    setup(box)
    next_box(box)
    assert setup(box) == "whole"
    assert not any((box.world / name).exists() for name in ("var/lib/cloud/seen", "var/log/messages", "etc/machine-id"))


def test_packages_that_apt_downloaded_are_there_for_a_box_with_others(box: Lab) -> None:
    cache = "var/cache/apt/archives"
    deb = f"{cache}/a_1_all.deb"
    fetch = f"mkdir -p {cache}; [ -e {deb} ] && echo had || {{ echo fetched; echo deb > {deb}; }}"
    recipe(box, f"{BUILD}\n{fetch}")
    setup(box)
    assert "fetched" in said(box)
    next_box(box)
    (box.world / "packages").write_text("libc6 amd64 2.36 install ok installed\n")
    assert setup(box) == "built"
    assert "had" in said(box)


def test_an_install_is_told_where_downloads_are_kept_unless_it_is_to_be_fresh(box: Lab) -> None:
    recipe(box, f'echo "${{GPURIG_KEPT:-}}" >> where\n{BUILD}')
    setup(box)
    next_box(box)
    (box.world / "packages").write_text("libc6 amd64 2.36 install ok installed\n")
    setup(box)
    setup(box, fresh=True)
    folder = Path(box.target.mount_point) / ".gpurig" / "kept"
    assert (box.world / "where").read_text() == f"{folder}\n\n"


def test_a_tree_that_is_there_is_not_replaced(box: Lab) -> None:
    setup(box)
    (box.world / "opt" / "tool" / "mine").write_text("kept by hand")
    (box.world / "usr" / "share" / "tool" / "doc").unlink()
    assert setup(box) == "built"
    assert (box.world / "opt" / "tool" / "mine").read_text() == "kept by hand"


def test_a_folder_that_is_no_tree_of_its_own_is_refused(box: Lab) -> None:
    for wrong in ("/opt", "opt/tool/x", "/opt/gpurig/../../etc", "{{ prefix }}", "{{ prefix }}/"):
        box.recipe("tool", f'keeps = ["{wrong}"]')
        with pytest.raises(BadInput, match="keeps"):
            box.bundle("tool")
