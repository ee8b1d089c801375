"""Files of environment variables: what they mean, and messages that name a line and never a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.model.errors import BadInput
from provision.work.environment import read

SECRET = "hunter2"


def test_values_are_what_is_written_and_nothing_is_expanded(tmp_path: Path) -> None:
    file = tmp_path / "wandb.env"
    lines = ["# of the lab", "", "WANDB_API_KEY=abc=def==", "export HF_TOKEN = 'a b # c'", 'QUERY="$HOME `id` \\n"']
    file.write_text("\r\n".join([*lines, "PLAIN=$HOME#1", "_EMPTY="]) + "\r\n", encoding="utf-8")
    assert read(file) == {
        "WANDB_API_KEY": "abc=def==",
        "HF_TOKEN": "a b # c",
        "QUERY": "$HOME `id` \\n",
        "PLAIN": "$HOME#1",
        "_EMPTY": "",
    }


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"{SECRET}", "no = in it"),
        (f"{SECRET}+/=", "is no name"),
        (f"A-B={SECRET}", "is no name"),
        (f"1A={SECRET}", "is no name"),
        (f"GPURIG_RUN={SECRET}", "GPURIG_RUN: .* gpurig's own"),
        (f"FIRST={SECRET}", "FIRST has a line already"),
        (f"KEY='{SECRET}", "KEY: .* begins with a quote"),
        (f"KEY=\"{SECRET}'", "KEY: .* begins with a quote"),
        (f"KEY={SECRET} # of mine", "KEY: a comment has a line of its own"),
        (f"KEY={SECRET}\0", "KEY: .* cannot be printed"),
        (f"KEY='{SECRET}\x1b[0m'", "KEY: .* cannot be printed"),
    ],
)
def test_a_line_that_is_wrong_is_named_by_number_and_never_by_its_value(tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "env"
    file.write_text(f"FIRST=1\n{line}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=f"{file}:2: .*{says}|{file}:2: {says}") as caught:
        read(file)
    assert SECRET not in f"{caught.value} {caught.value.hint}"


def test_all_lines_that_are_wrong_are_told_at_once_and_a_file_without_any_is_too(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("A\nB=1\nC\n")
    with pytest.raises(BadInput, match=r"(?s):1: .*:3: "):
        read(file)
    file.write_text("# nothing\n")
    with pytest.raises(BadInput, match="no KEY=VALUE line"):
        read(file)
    file.write_bytes(b"A=\xff\n")
    with pytest.raises(BadInput, match="no UTF-8"):
        read(file)
    with pytest.raises(BadInput, match="No such file"):
        read(tmp_path / "none")
