"""What somebody else wrote onto the job volume is not installed: not without a signature, and never elsewhere."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provision.transport import builder_key
from tests.agent.kept_attacks import add, add_bytes, attacked, inside, member, sign
from tests.agent.kept_lab import INSTALLS, entry, kept, next_box, recipe, said, seal, setup
from tests.kit.host import Lab

BUILT = "build\n"


def test_a_part_that_was_added_gives_nobody_root(box: Lab) -> None:
    """The attack that was seen: a setuid file for /etc/sudoers.d, its sums in the index."""
    setup(box)
    goal = box.world / "etc" / "sudoers.d" / "evil"
    add(entry(box, "built"), [member(str(goal).lstrip("/"), mode=0o4755, size=4)])
    next_box(box)
    assert setup(box) == ""
    assert not goal.exists()
    assert "(built) is not used, and is deleted: it is not signed by a key that you trust" in said(box)
    assert (box.world / "said").read_text() == BUILT
    next_box(box)
    assert setup(box) == "built", "the old one was replaced"
    assert not goal.exists()


def test_only_the_user_s_own_signature_of_this_very_build_counts(box: Lab, tmp_path: Path) -> None:
    stranger = str(tmp_path / "stranger")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
    wrong: list[Callable[[Path, str], None]] = [
        lambda folder, _: (folder / "signature").unlink(),
        lambda folder, _: sign(folder, key=stranger),
        lambda folder, _: sign(folder, purpose="git"),
        lambda folder, _: sign(folder, name="other-built-000000000000000000000000"),
    ]
    *refused, good = attacked(box, [*wrong, lambda folder, _: sign(folder)])
    for log in refused:
        assert "(built) is not used, and is deleted: it is not signed by a key that you trust" in log
    assert "taken from the job volume (built)" in good


def test_a_colleague_s_build_counts_where_the_stack_names_the_key(
    box: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup(box)
    next_box(box)
    colleague = box.builders
    monkeypatch.setenv("HOME", str(tmp_path / "second"))
    box.builders = [builder_key.public()]
    assert box.builders != colleague
    assert setup(box) == ""
    next_box(box)
    box.builders = [*colleague, builder_key.public()]
    assert setup(box) == "built"


def test_what_a_box_made_itself_it_takes_back_before_anybody_signed(box: Lab) -> None:
    setup(box, signs=False)
    subprocess.run(["rm", "-r", box.world / "opt"], check=True)
    assert setup(box, signs=False) == "built"
    next_box(box)
    assert setup(box) == "", "another box does not"


def test_a_box_is_given_signatures_for_what_it_made_alone(box: Lab) -> None:
    setup(box)
    folder = entry(box, "built")
    signature = (folder / "signature").read_text()
    (folder / "signature").unlink()
    asked = {folder.name: signature, "../outside": "x", "other-built-1": "x"}
    assert seal(box, asked) == [], "this is signed already, and the others never were its own"
    assert builder_key.signatures({"tool-built-0": "0" * 64, "../x": "0" * 64}, box.bundle("tool")) == {}
    assert builder_key.signatures({folder.name: "not a digest\nx"}, box.bundle("tool")) == {}


def test_the_key_is_its_user_s_alone_and_never_on_the_volume(box: Lab) -> None:
    setup(box)
    assert builder_key.path().stat().st_mode & 0o777 == 0o600
    assert builder_key.path().parent.stat().st_mode & 0o777 == 0o700
    private = builder_key.path().read_text().splitlines()[2]
    for top in (Path(box.target.mount_point), box.home):
        assert not [path for path in top.rglob("*") if path.is_file() and private.encode() in path.read_bytes()]


DEVICE = {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}
LINK, HARD, PIPE = ({"type": kind} for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE))
NOT_BELOW, NO_FILE = "is not below what the recipe keeps", "is neither a file, a folder nor a link"
MEMBERS: list[tuple[str, dict[str, Any], str]] = [
    ("../../etc/cron.d/x", {}, NOT_BELOW),
    ("../tool2/x", {}, NOT_BELOW),
    ("device", DEVICE, NO_FILE),
    ("pipe", PIPE, NO_FILE),
    ("out", {**LINK, "linkname": "/etc"}, "is a link that leads out: /etc"),
    ("out", {**LINK, "linkname": "../../../etc/cron.d"}, "is a link that leads out"),
    ("out", {**LINK, "linkname": "bin/../../../etc"}, "is a link that leads out"),
    ("out", {**LINK, "linkname": "/usr/../etc/bin/python3"}, "is a link that leads out"),
    ("hard", {**HARD, "linkname": "/etc/hostname"}, "etc/hostname"),
]
LARGE = ["/etc/cron.d/x", "/opt/{}/../../etc/cron.d/x", "/opt/{}"]


def test_not_even_what_is_signed_comes_elsewhere_or_is_more_than_a_file(box: Lab) -> None:
    def with_member(name: str, fields: dict[str, Any]) -> Callable[[Path, str], None]:
        def attack(folder: Path, tree: str) -> None:
            add(folder, [member(inside(box, name, tree), **fields)])
            sign(folder)

        return attack

    def with_large(path: str) -> Callable[[Path, str], None]:
        def attack(folder: Path, tree: str) -> None:
            add_bytes(folder, b"x", path=f"{box.world}{path.format(tree)}", mode=0o644, mtime=0)
            sign(folder)

        return attack

    attacks = [with_member(name, fields) for name, fields, _ in MEMBERS] + [with_large(path) for path in LARGE]
    whys = [why for _, _, why in MEMBERS] + [NOT_BELOW] * len(LARGE)
    for why, log in zip(whys, attacked(box, attacks), strict=True):
        assert "(built) is not used, and is deleted" in log
        assert why in log
    assert not (box.world / "etc").exists()
    assert not (box.world / "opt" / "tool2").exists()


def test_a_large_file_is_not_written_through_a_link_of_the_entry_s_own(box: Lab) -> None:
    setup(box)
    folder = entry(box, "built")
    outside = box.world.parent / "outside"
    outside.mkdir()
    add(folder, [member(inside(box, "way"), type=tarfile.SYMTYPE, linkname=str(outside))])
    (folder / "evil").rename(folder / "way")
    text = (folder / "index.json").read_text().replace('"evil"', '"way"').partition("\n")[2]
    (folder / "index.json").write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
    add_bytes(folder, b"x", path=f"{box.world}/opt/tool/way/file", mode=0o644, mtime=0)
    sign(folder)
    next_box(box)
    assert setup(box) == ""
    assert "way/file lies behind a link" in said(box)
    assert not list(outside.iterdir())


def test_rights_and_owners_of_another_machine_are_dropped(box: Lab) -> None:
    setup(box)
    folder = entry(box, "built")
    odd = {"uid": 1234, "gid": 1234, "size": 1}
    add(
        folder,
        [
            member(inside(box, "setuid"), mode=0o6777, **odd),
            member(inside(box, "sticky"), mode=0o3777, type=tarfile.DIRTYPE, uid=1234),
            member(inside(box, "python"), type=tarfile.SYMTYPE, linkname="/usr/bin/python3", uid=1234),
        ],
    )
    sign(folder)
    next_box(box)
    assert setup(box) == "built"
    for name in ("setuid", "sticky", "python"):
        seen = (box.world / "opt" / "tool" / name).lstat()
        assert (seen.st_uid, seen.st_gid) == (os.geteuid(), os.getegid())
        assert stat.S_ISLNK(seen.st_mode) or stat.S_IMODE(seen.st_mode) == 0o755


def test_packages_bring_nothing_else(box: Lab) -> None:
    cache = "var/cache/apt/archives"
    recipe(
        box,
        f"mkdir -p opt/tool/bin usr/share/tool {cache}; touch opt/tool/bin/tool usr/share/tool/doc\n"
        f"[ -e {cache}/a_1_all.deb ] || echo deb > {cache}/a_1_all.deb\n{INSTALLS}\nsay_deb {cache}/a_1_all.deb",
    )
    setup(box)
    assert kept(box) == ["tool-built", "tool-packages"]
    folder = entry(box, "packages")
    add(folder, [member(str(box.world / "var/cache/apt/pkgcache.bin").lstrip("/"))])
    sign(folder)
    next_box(box)
    setup(box)
    assert "(packages) is not used, and is deleted" in said(box)
    assert "pkgcache.bin is not below what the recipe keeps" in said(box)
    assert not (box.world / "var/cache/apt/pkgcache.bin").exists()


def test_links_in_the_folder_of_entries_are_not_followed(box: Lab) -> None:
    setup(box)
    folder, mine = entry(box, "built"), box.world.parent / "mine"
    folder.rename(mine)
    folder.symlink_to(mine)
    (folder.parent / "download-1.part").symlink_to(box.world.parent / "hosts")
    (folder.parent / "other").symlink_to(box.world.parent)
    next_box(box)
    assert setup(box) == ""
    assert "it is no folder" in said(box)
    assert (mine / "index.json").exists()
    assert not (folder.parent / "download-1.part").is_symlink()
