"""What is made anew is made beside what there is, and takes its place in one step when it is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipes.shell import Shell


@pytest.fixture
def all_of(shell: Shell) -> Path:
    folder = shell.folder / "tool"
    folder.mkdir()
    return folder


def build(folder: Path, name: str, key: str, then: str = "") -> str:
    """Return lines that make a build anew and, where nothing of `then` fails, switch to it."""
    link = folder / "current"
    make = f'home=$(made_beside "{link}" {name} "{key}"); echo {key} >>"$home/made"; {then or "true"}'
    return f'{make}; switch_to "{link}" "$home"'


def made(folder: Path) -> str:
    return (folder / "current" / "made").read_text()


def test_the_first_one_is_called_by_its_name(shell: Shell, all_of: Path) -> None:
    shell.run(build(all_of, "7-cpu", "a"), code=0)
    assert (all_of / "current").readlink() == Path("7-cpu")
    assert made(all_of) == "a\n"


def test_the_old_one_stays_until_the_new_one_stands_and_goes_then(shell: Shell, all_of: Path) -> None:
    shell.run(build(all_of, "7-cpu", "a"), code=0)
    for key in ("b", "c"):
        old = (all_of / "current").readlink()
        before = made(all_of)
        shell.run(build(all_of, "7-cpu", key, then="false"), code=1)
        assert (made(all_of), (all_of / "current").readlink()) == (before, old)
        shell.run(build(all_of, "7-cpu", key), code=0)
        assert made(all_of) == f"{key}\n{key}\n", "what was cut off goes on"
        assert {path.name for path in all_of.iterdir() if path.is_dir() and not path.is_symlink()} == {
            str((all_of / "current").readlink())
        }


def test_what_was_cut_off_of_something_else_is_begun_anew(shell: Shell, all_of: Path) -> None:
    shell.run(build(all_of, "7-cpu", "a", then="false"), code=1)
    shell.run(build(all_of, "7-cpu", "b"), code=0)
    assert made(all_of) == "b\n"


def test_a_build_for_another_gpu_stays_and_is_taken_again(shell: Shell, all_of: Path) -> None:
    for name in ("7-sm75", "7-sm86", "7-sm75"):
        shell.run(build(all_of, name, name), code=0)
    assert (all_of / "7-sm86").is_dir()
    assert made(all_of) == "7-sm75\n7-sm75\n"


def test_a_folder_that_an_earlier_version_made_in_its_place_gives_way_too(shell: Shell, all_of: Path) -> None:
    (all_of / "current").mkdir()
    (all_of / "current" / "made").write_text("old")
    shell.run(build(all_of, "venv-1", "a", then="false"), code=1)
    assert made(all_of) == "old"
    shell.run(build(all_of, "venv-1", "a"), code=0)
    assert made(all_of) == "a\na\n"
    assert {path.name for path in all_of.iterdir()} == {"current", "venv-1", ".venv-1.key"}


def test_nothing_is_switched_where_what_there_is_does(shell: Shell, all_of: Path) -> None:
    shell.run(build(all_of, "7-cpu", "a"), code=0)
    shell.run(f'switch_to "{all_of}/current" "{all_of}/current"', code=0)
    assert made(all_of) == "a\n"
