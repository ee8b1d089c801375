"""Builds kept on the job volume: a fresh box takes them from there, and what is not as it was kept is never used."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provision.model.errors import BadInput
from tests.agent.kept_lab import BUILD, NEEDED, entry, kept, next_box, recipe, said, setup, tree
from tests.kit.host import Lab, gate
from tests.kit.programs import write_program
from tests.kit.wait import until


def test_a_second_box_builds_nothing_and_has_the_same_files(box: Lab) -> None:
    assert setup(box) == ""
    assert kept(box) == ["tool-built"]
    first = tree(box.world / "opt")
    assert "kept on the job volume (built)" in said(box)
    next_box(box)
    assert setup(box) == "built"
    assert not (box.world / "said").exists(), "it was built again"
    assert box.runs("tool") == 1, "the install runs over what came back"
    assert tree(box.world / "opt") == first
    assert "taken from the job volume (built)" in said(box)
    assert [event["kept"] for event in box.journal() if event.get("kept")] == ["built"]
    assert not list(box.world.rglob(".gpurig-kept"))


def test_what_is_kept_is_root_s_own(box: Lab) -> None:
    setup(box)
    folder = Path(box.target.mount_point) / ".gpurig" / "kept"
    for path in (folder, entry(box, "built")):
        assert path.stat().st_mode & 0o777 == 0o700
        assert path.stat().st_uid == os.geteuid()


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
    assert setup(box) == ""
    assert "(built) is not used, and is deleted" in said(box)
    assert (box.world / "said").read_text() == "build\n"
    assert not list(box.world.rglob(".gpurig-kept"))
    next_box(box)
    assert setup(box) == "built"


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
cp opt/tool/bin/tool seen.$(wc -l < tool.runs) 2>/dev/null || true
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
    assert setup(box) == ""
    assert "cannot use it\ngpurig: what was kept of this step did not do: installing it without" in said(box)
    assert box.runs("tool") == 2
    assert (box.world / "said").read_text() == "build\n"
    assert (box.world / "seen.1").read_text() == "v1\n", "the first install saw what was put back"
    assert not (box.world / "seen.2").exists(), "the second one saw what had been there"
    next_box(box)
    assert setup(box) == "built", "what the clean install made is kept"


def test_a_run_killed_while_it_puts_back_leaves_nothing_half_done(box: Lab) -> None:
    setup(box)
    first = tree(box.world / "opt")
    next_box(box)
    real = shutil.which("zstd")
    write_program(
        box.bin / "zstd",
        f'[[ "$*" != *-d* ]] || {{ touch {box.world}/reading; {gate(f"{box.world}/gate")}; }}; {real} "$@"',
    )
    with box.client("apply", box.bundle("tool")):
        until((box.world / "reading").exists)
        box.clean_up()
    box.open("gate")
    assert setup(box) == "built"
    assert tree(box.world / "opt") == first
    assert not list((box.home / "kept").glob("tool*"))
    assert not list(box.world.rglob(".gpurig-kept"))


def test_fresh_takes_nothing_and_keeps_what_it_made(box: Lab) -> None:
    setup(box)
    before = entry(box, "built").stat().st_ino
    next_box(box)
    assert setup(box, fresh=True) == ""
    assert (box.world / "said").read_text() == "build\n"
    assert entry(box, "built").stat().st_ino != before


def test_an_install_is_told_where_downloads_are_kept_unless_it_is_to_be_fresh(box: Lab) -> None:
    recipe(box, f'readlink -f "${{GPURIG_KEPT:-/none}}" >> where\n{BUILD}')
    setup(box)
    setup(box, fresh=True)
    folder = Path(box.target.mount_point) / ".gpurig" / "kept"
    assert (box.world / "where").read_text() == f"{folder}\n/none\n"


def test_a_tree_that_is_there_is_not_replaced(box: Lab) -> None:
    setup(box)
    (box.world / "opt" / "tool" / "mine").write_text("kept by hand")
    (box.world / "usr" / "share" / "tool" / "doc").unlink()
    assert setup(box) == ""
    assert (box.world / "opt" / "tool" / "mine").read_text() == "kept by hand"


def test_a_folder_that_is_no_tree_of_its_own_is_refused(box: Lab) -> None:
    for wrong in ("/opt", "opt/tool/x", "/opt/gpurig/../../etc", "{{ prefix }}", "{{ prefix }}/"):
        box.recipe("tool", f'keeps = ["{wrong}"]')
        with pytest.raises(BadInput, match="keeps"):
            box.bundle("tool")
