"""What `fab` says about words: in a task's help, and where one is missing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.fab import FAB, ROOT, fab, refused, write_hosts

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
    assert len(documented) == 13
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


def test_a_host_may_be_called_as_a_task_is(tmp_path: Path) -> None:
    write_hosts(tmp_path, "ps")
    assert "ps (127.0.0.1) does not answer" in refused(tmp_path, "-H", "ps", "status", code=4)


def test_a_licence_that_is_nearly_one_is_shown_with_those_near_it(tmp_path: Path) -> None:
    said = refused(tmp_path, "plan", "--accept", "nvidia-cudn")
    assert "--accept nvidia-cudn: there is no licence of that name; near it: nvidia-cudnn" in said


@pytest.mark.parametrize("words", [("volume-grow", "--help"), ("volume-grow", "-h"), ("ps", "--help")])
def test_help_may_stand_behind_a_task_that_needs_an_argument(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert fab(tmp_path, *words).stdout == fab(tmp_path, "--help", words[0]).stdout


def test_who_reads_no_more_of_a_list_is_told_nothing(tmp_path: Path) -> None:
    # The pipe holds less than the list: else it may all be written before anybody closes it.
    pipe = subprocess.PIPE
    fab = subprocess.Popen([*FAB, "--list"], cwd=tmp_path, stdout=pipe, stderr=pipe, bufsize=0, pipesize=4096)
    assert fab.stdout
    assert fab.stderr
    with fab.stderr:
        assert fab.stdout.read(len(b"Available")) == b"Available"
        fab.stdout.close()
        assert (fab.stderr.read(), fab.wait()) == (b"", 128 + signal.SIGPIPE)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`fab` as `make setup` puts it into a .venv."""
    venv = tmp_path_factory.mktemp("venv")
    (venv / "bin").mkdir()
    (venv / "bin" / "python").symlink_to(sys.executable)
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); import setup; from pathlib import Path"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", f"{code}; setup.own_fab(Path({str(venv)!r}))"], check=True)
    return venv / "bin" / "fab"


@pytest.mark.parametrize("words", [("-t", "abc"), ("-Tabc",), ("--list-depth=abc",), ("-i", "key", "-D", "-1")])
def test_an_option_of_fabs_own_that_is_no_number_is_refused(own: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    command = [sys.executable, str(own), "--search-root", str(ROOT), *words, "recipes"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    flag = {"-Tabc": "-T", "-i": "-D"}.get(words[0], words[0].partition("=")[0])
    assert done.stderr.startswith(f"error: {flag} takes a whole number, and has '")
    assert "Traceback" not in done.stderr


def test_that_fab_is_fabs_own_otherwise(own: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(own),
        "--search-root",
        str(ROOT),
        "-t",
        "5",
        "-T",
        "10",
        "recipes",
        "--limit",
        "nobody",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "takes a whole number" not in done.stderr
    assert os.access(own, os.X_OK)
