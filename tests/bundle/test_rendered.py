"""A bundle that was rendered before is taken as it is, and only where all that it was made from is as it was."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import os
import threading
from pathlib import Path

import pytest

from provision.bundle import rendered
from provision.bundle.render import render
from provision.bundle.step import Bundle
from provision.catalogue import folders
from provision.catalogue.catalogue import Catalogue
from provision.model.target import Target
from provision.tasks.target import Rendered
from tests.kit.recipes import write_recipe

HERE = Target(mount_point="/data")
TOML = """needs = ["base"]
env = { TOOL_HOME = "{{ prefix }}/tool" }
keeps = ["/opt/gpurig/tool"]
files."/etc/tool" = { template = "tool.j2", mode = "0600" }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe of the user's own, a cache that is empty, and files that count as settled at once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GPURIG_RECIPES", str(tmp_path / "recipes"))
    monkeypatch.setattr(folders, "SETTLED_SECONDS", -60)
    write_recipe(tmp_path / "recipes" / "tool", TOML, install="echo one\n", **{"tool.j2": "{{ target.user }}\n"})
    return tmp_path / "recipes" / "tool"


def taken(target: Target = HERE) -> tuple[Bundle, bool]:
    """Return the bundle of the recipe, and whether it was taken from before."""
    asked: list[Catalogue] = []

    def catalogue() -> Catalogue:
        asked.append(Catalogue())
        return asked[0]

    return rendered.bundle("tool", target, catalogue), not asked


def kept(folder: Path) -> Path:
    (file,) = (folder.parents[1] / "cache" / "gpurig" / "bundles").iterdir()
    return file


def test_what_was_rendered_is_taken_whole(folder: Path) -> None:
    first, again = taken(), taken()
    assert (first[1], again[1]) == (False, True)
    assert again[0] == first[0] == render(["tool"], HERE)
    assert again[0].to_bytes() == first[0].to_bytes()
    assert kept(folder).stat().st_mode & 0o777 == 0o600
    assert kept(folder).parent.stat().st_mode & 0o777 == 0o700


def test_the_recipes_are_read_once_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    both, read = threading.Barrier(2), []

    def slow() -> object:
        read.append(1)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.2)  # for another who reads them too, and shall not come
        return read

    monkeypatch.setattr("provision.catalogue.catalogue.Catalogue", slow)
    shared = Rendered()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(lambda: shared.catalogue) for _ in range(2)]
    assert asked[0].result() is asked[1].result()
    assert read == [1]


@pytest.mark.usefixtures("folder")
def test_another_target_is_rendered() -> None:
    taken()
    made, before = taken(Target(mount_point="/data", user="admin"))
    assert not before
    assert made.steps[-1].files[0]["content"] == "admin\n"


def test_a_changed_file_of_a_recipe_is_seen_whatever_its_size_and_time(folder: Path) -> None:
    taken()
    script = folder / "install.sh.j2"
    before = script.stat()
    script.write_text("echo two\n")
    os.utime(script, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert script.stat().st_size == before.st_size
    made, was = taken()
    assert not was
    assert "echo two" in made.steps[-1].install


def test_a_file_that_comes_or_goes_is_seen(folder: Path) -> None:
    taken()
    write_recipe(folder.with_name("more"))
    assert not taken()[1]
    assert taken()[1]
    for file in folder.with_name("more").iterdir():
        file.unlink()
    assert not taken()[1]


@pytest.mark.usefixtures("folder")
def test_another_gpurig_renders_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = tmp_path / "provision"
    (code / "bundle").mkdir(parents=True)
    (code / "bundle" / "render.py").write_text("one")
    monkeypatch.setattr(folders, "CODE", code)
    taken()
    assert taken()[1]
    (code / "bundle" / "render.py").write_text("two")
    assert not taken()[1]


@pytest.mark.usefixtures("folder")
def test_what_was_written_just_now_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "SETTLED_SECONDS", 600)
    taken()
    assert not taken()[1]


def test_a_cache_that_is_broken_or_not_ours_is_as_none(folder: Path) -> None:
    made = taken()[0]
    whole = kept(folder).read_bytes()
    for text in (b"", whole[:-9], whole.replace(b"echo one", b"echo bad"), b"\xff\xfe", b"x\n{}"):
        kept(folder).write_bytes(text)
        assert taken() == (made, False)
    kept(folder).chmod(0o666)
    assert taken() == (made, False)
    assert taken() == (made, True), "written anew, it is ours again"
    kept(folder).parent.chmod(0o777)
    assert taken() == (made, False)


def test_a_link_in_the_place_of_the_cache_is_not_followed(folder: Path, tmp_path: Path) -> None:
    taken()
    place = kept(folder).parent
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    assert not taken()[1]


@pytest.mark.usefixtures("folder")
def test_where_nothing_can_be_kept_all_is_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert taken() == taken()
    assert not taken()[1]


def test_no_more_is_kept_than_is_of_use(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provision.model.cache.MOST", 2)
    for port in range(5000, 5004):
        taken(dataclasses.replace(Target(), ui_port=port))
    assert len(list((folder.parents[1] / "cache" / "gpurig" / "bundles").iterdir())) == 2
