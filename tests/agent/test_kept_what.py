"""What of an install is kept on the job volume: as much as there is room for, and what can be put back as it is."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.agent.disks import mounted
from tests.agent.kept_lab import BUILD, kept, next_box, recipe, said, setup
from tests.kit.host import Lab
from tests.kit.programs import write_program


def test_a_volume_without_room_never_fails_an_install(box: Lab) -> None:
    with mounted(box, Path(box.target.mount_point), "8m"):
        recipe(box, BUILD.replace("5000000", "9000000"))
        assert setup(box) == "full"
        assert "not kept on the job volume (built): there is no room for it" in said(box)
        assert kept(box) == ["tool-whole"]


def test_a_volume_that_fills_up_keeps_nothing_half(box: Lab) -> None:
    with mounted(box, Path(box.target.mount_point), "64m"):
        subprocess.run(["fallocate", "-l", "58M", f"{box.target.mount_point}/mine"], check=True)
        assert setup(box) == "full"
        assert "not kept on the job volume (built)" in said(box)
        assert kept(box) == ["tool-whole"]
        assert (Path(box.target.mount_point) / "mine").stat().st_size == 58 * 2**20


def test_the_longest_unused_goes_when_its_share_of_the_volume_is_spent(box: Lab) -> None:
    with mounted(box, Path(box.target.mount_point), "32m"):
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
    write_program(box.bin / "systemctl", "echo active")
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
