"""Where the last lines of a run's log begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.agent import runs


@pytest.mark.parametrize("lines", range(5))
def test_the_last_lines_of_a_log_are_found(tmp_path: Path, lines: int) -> None:
    for text in ("", "a\nb\nc\n", "a\nb\nc", f"{'long' * 9000}\nb\n" * 3):
        log = tmp_path / "log"
        log.write_text(text)
        whole = text.splitlines(keepends=True)
        assert text[runs.tail(log, lines) :] == "".join(whole[-lines:])


def test_of_a_log_without_line_breaks_its_end_is_read_and_not_all_of_it(tmp_path: Path) -> None:
    """A progress bar that ran for days, or bytes that are no text; the file is sparse."""
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.truncate(2**28)
    assert 2**28 - 2**20 <= runs.tail(log, 2) < 2**28
