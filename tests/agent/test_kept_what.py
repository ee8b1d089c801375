"""What of an install is kept on the job volume: as much as there is room for, and what can be put back as it is."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from provision.transport import builder_key
from tests.agent.disks import mounted
from tests.agent.kept_lab import BUILD, INSTALLS, kept, next_box, recipe, said, seal, setup
from tests.kit.host import Lab, gate
from tests.kit.programs import write_program


def test_a_volume_without_room_never_fails_an_install(box: Lab) -> None:
    with mounted(box, Path(box.target.mount_point), "8m"):
        recipe(box, BUILD.replace("5000000", "9000000"))
        assert setup(box) == "full"
        assert "not kept on the job volume (built): there is no room for it" in said(box)
        assert kept(box) == []


def test_a_volume_that_fills_up_keeps_nothing_half(box: Lab) -> None:
    with mounted(box, Path(box.target.mount_point), "64m"):
        subprocess.run(["fallocate", "-l", "58M", f"{box.target.mount_point}/mine"], check=True)
        assert setup(box) == "full"
        assert "not kept on the job volume (built)" in said(box)
        assert kept(box) == []
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
        assert setup(box) == "built"
        next_box(box)
        recipe(box, BUILD.replace("v1", "v3"))
        assert setup(box) == ""
        next_box(box)
        recipe(box)
        assert setup(box) == "built"
        next_box(box)
        recipe(box, BUILD.replace("v1", "v2"))
        assert setup(box) == ""


def test_what_a_step_of_the_same_setup_has_kept_gives_way_to_a_later_one(box: Lab) -> None:
    with mounted(box, Path(box.target.mount_point), "32m"):
        before = "base"
        for name in ("one", "two", "three"):
            body = f"mkdir -p opt/{name}; head -c 5000000 /dev/urandom > opt/{name}/file"
            box.recipe(name, f'needs = ["{before}"]\nkeeps = ["{box.world}/opt/{name}"]', body=body)
            before = name
        events = box.ask("apply", box.bundle("three"))
        assert "full" not in [event.get("kept") for event in events]
        # Two of 5 MB are in the 12.8 that entries may take.
        assert kept(box) == ["three-built", "two-built"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("mkfifo opt/tool/pipe", "tool/pipe is neither a file, a folder nor a link"),
        ("ln -s /etc opt/tool/out", "tool/out is a link that leads out: /etc"),
    ],
)
def test_what_no_box_would_take_is_not_kept(box: Lab, more: str, why: str) -> None:
    recipe(box, BUILD + more)
    setup(box)
    assert "not kept on the job volume (built): " in said(box)
    assert why in said(box)
    assert kept(box) == []


def test_packages_that_apt_downloaded_are_there_for_the_next_box(box: Lab) -> None:
    cache = "var/cache/apt/archives"
    deb = f"{cache}/a_1_all.deb"
    fetch = f"mkdir -p {cache}; [ -e {deb} ] && echo had || {{ echo fetched; echo deb > {deb}; }}"
    recipe(box, f"{BUILD}\n{fetch}\n{INSTALLS}\nsay_deb {deb}")
    setup(box)
    assert "fetched" in said(box)
    assert kept(box) == ["tool-built", "tool-packages"]
    next_box(box)
    assert setup(box) == "built"
    assert "had" in said(box)


def test_a_build_that_did_not_do_is_taken_away_while_none_is_put_back(box: Lab) -> None:
    (box.world / "first").touch()
    bodies = {
        # What came back does not do; that shows while the other one's is being unpacked.
        "one": f"[ ! -e opt/one/made ] || [ -e first ] || {{ touch began; {gate('reading')}; exit 1; }}",
        "two": "",
    }
    box.recipe("aside", 'needs = ["base"]', body=f"[ -e first ] || {gate('began')}")
    for name, body in bodies.items():
        needs = {"one": "base", "two": "aside"}[name]
        keeps = f'needs = ["{needs}"]\nkeeps = ["{box.world}/opt/{name}"]'
        build = f"mkdir -p opt/{name}; [ -e opt/{name}/made ] || echo {name} >opt/{name}/made"
        box.recipe(name, keeps, body=f"{body}\n{build}", verify=f"test -e opt/{name}/made")
    bundle = box.bundle("one", "two")
    for event in box.ask("apply", bundle):
        if event["event"] == "offer":
            seal(box, builder_key.signatures(event["entries"], bundle))
    next_box(box)
    slow = f'[[ "$*" != *-*d* || ! -e {box.world}/began ]] || {{ touch {box.world}/reading; sleep 1; }}'
    write_program(box.bin / "zstd", f'{slow}\nexec {shutil.which("zstd")} "$@"')
    events = box.ask("apply", bundle)
    assert events[-1]["event"] == "ready", events
    assert (box.world / "reading").exists()
    assert "is not used" not in (box.home / "logs" / "two.log").read_text()
    assert {e["step"]: e["kept"] for e in events if "kept" in e} == {"two": "built"}


def test_steps_at_once_keep_each_its_own(box: Lab) -> None:
    cache = "var/cache/apt/archives"
    for mine, other in (("one", "two"), ("two", "one")):
        deb = f"{cache}/{mine}_1_all.deb"
        made = f"opt/{mine}/made"
        build = f"mkdir -p {cache} opt/{mine}; [ -e {made} ] || {{ echo build >>{mine}-built; echo {mine} >{made}; }}"
        # Both have brought their packages before either ends.
        fetch = f"[ -e {deb} ] || {{ echo {mine} >{deb}; {gate(f'{cache}/{other}_1_all.deb')}; }}"
        keeps = f'needs = ["base"]\nkeeps = ["{box.world}/opt/{mine}"]'
        box.recipe(mine, keeps, body=f"{build}\n{fetch}\n{INSTALLS}\nsay_deb {deb}", verify=f"test -e {made}")
    bundle = box.bundle("one", "two")
    events = box.ask("apply", bundle)
    assert events[-1]["event"] == "ready", events
    assert kept(box) == ["one-built", "one-packages", "two-built", "two-packages"]
    for event in events:
        if event["event"] == "offer":
            seal(box, builder_key.signatures(event["entries"], bundle))
    for name in ("one", "two"):
        next_box(box)
        events = box.ask("apply", box.bundle(name))
        assert {e["step"]: e["kept"] for e in events if "kept" in e} == {name: "built"}
        assert not list(box.world.glob("*-built"))
        assert [path.name for path in (box.world / cache).iterdir()] == [f"{name}_1_all.deb"]
