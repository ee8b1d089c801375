"""What `fab` says about words: in a task's help, and where one is missing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.kit.fab import ROOT, fab

if TYPE_CHECKING:
    from pathlib import Path

DATASETS = ROOT / "docs" / "datasets.md"


def help_of(tmp_path: Path, task: str) -> dict[str, str]:
    """Return what `fab --help` says of each option of a task, without blanks: it breaks lines where it likes."""
    said = fab(tmp_path, "--help", task).stdout.partition("Options:")[2]
    options = re.findall(r"--([\w-]+)(?:=STRING)?\s+(.*?)(?=\n\s+-|\Z)", said, re.DOTALL)
    return {name: "".join(words.split()) for name, words in options}


def test_the_help_of_dataset_build_has_the_defaults_of_its_page(tmp_path: Path) -> None:
    table = DATASETS.read_text(encoding="utf-8").partition("| option | default | |\n")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines()[1:]]
    documented = {
        option: default
        for options, defaults in rows
        for option, default in zip(re.findall(r"--([\w-]+)", options), defaults.strip().split(", "), strict=True)
    }
    told = help_of(tmp_path, "dataset-build")
    assert len(documented) == 10
    for option, default in documented.items():
        assert told[option].endswith(f"(default:{default})") if default else "default:" not in told[option]


@pytest.mark.parametrize(
    ("task", "option", "default"),
    [
        ("dataset-get", "parallel", "4"),
        ("volume-snapshot", "keep", "7"),
        ("bake", "keep", "2"),
        ("tunnel", "port", "5000"),
        ("logs", "lines", "100"),
        ("render", "recipe", "base"),
    ],
)
def test_so_has_that_of_other_tasks(tmp_path: Path, task: str, option: str, default: str) -> None:
    told = help_of(tmp_path, task)
    assert told[option].endswith(f"(default:{default})")
    assert "default:" not in told.get("limit", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("setup-base", "--accept"), ("--accept of fab setup-base", "has none: a licence", "fab --help setup-base")),
        (("setup-base", "-a"), ("--accept of fab setup-base", "has none: a licence", "fab --help setup-base")),
        (("plan", "--source", "--limit", "a"), ("--source of fab plan", "has none: RECIPE=SOURCE")),
        (("dataset-get", "--s3-endpoint"), ("--s3-endpoint of fab dataset-get", "has none: address")),
        (("ps", "-H"), ("-H comes with a value, and has none", "fab -H VALUE ps")),
        (
            ("-H", "setup-base", "--fresh"),
            ('-H comes with a host, and "setup-base" is a', "USER@HOST setup-base --fresh"),
        ),
        (("-H", "ps"), ('a host, and "ps" is a task', "fab -H USER@HOST ps")),
        (("-H", "", "ps"), ("-H comes with a host, and has none", "USER@HOST")),
        (("ps", "--hosts="), ("-H comes with a host, and has none", "USER@HOST")),
    ],
)
def test_an_option_without_its_value_is_refused(tmp_path: Path, words: tuple[str, ...], said: tuple[str, ...]) -> None:
    (tmp_path / "hosts.toml").write_text('[host.a]\naddress = "127.0.0.1"\nport = 9\ngpu = "none"\n')
    done = fab(tmp_path, *words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("error: ")
    for part in said:
        assert part in done.stderr


def test_a_host_may_be_called_as_a_task_is(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text('[host.ps]\naddress = "127.0.0.1"\nport = 9\ngpu = "none"\n')
    done = fab(tmp_path, "-H", "ps", "status")
    assert done.returncode == 4
    assert "ps (127.0.0.1) does not answer" in done.stderr


def test_a_licence_that_is_nearly_one_is_shown_with_those_near_it(tmp_path: Path) -> None:
    done = fab(tmp_path, "plan", "--accept", "nvidia-cudn")
    assert done.returncode == 2
    assert "--accept nvidia-cudn: there is no licence of that name; near it: nvidia-cudnn" in done.stderr
