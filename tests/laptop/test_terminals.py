"""Terminals that cannot do everything: no colours, no moving about, no characters beyond an old code page."""

from __future__ import annotations

import codecs
import io
from pathlib import Path

import pytest

from provision.catalogue.catalogue import Catalogue
from provision.pages import recipe
from provision.screen import progress, simpler, terminal
from tests.kit.fab import fab

RED = "\x1b[31mred\x1b[0m\n"


def test_a_stream_of_an_old_code_page_ends_in_no_traceback(tmp_path: Path) -> None:
    said = fab(tmp_path, "recipes", "caffe", code=0, PYTHONIOENCODING="ascii").stdout
    page = recipe.page(Catalogue(), "caffe")
    assert not page.isascii(), "what this is about"
    assert said.count("?") == page.count("?"), "each character has one like it"
    assert "Take it off" in said


def test_characters_that_are_missing_have_one_like_them() -> None:
    codecs.register_error(simpler.NAME, simpler.simpler)
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="cp1252", errors=simpler.NAME)
    stream.write("a → b, é … │ ┌─┐ ≤ ⠋ 日")
    stream.flush()
    assert raw.getvalue().decode("cp1252") == "a -> b, é … | +-+ <= * ?"


@pytest.mark.parametrize(
    ("name", "value", "plain"),
    [
        ("NO_COLOR", "1", True),
        ("NO_COLOR", "", False),
        ("TERM", "dumb", True),
        ("TERM", "unknown", True),
        ("TERM", "xterm", False),
    ],
)
def test_colours_of_a_box_stay_away_where_none_are_wanted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, plain: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    assert terminal.visible(RED) == ("red\n" if plain else RED)
    assert terminal.visible("\x1b[2J") == "\\x1b[2J"


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(progress.view(), progress.LiveView)
    monkeypatch.setenv("TERM", "dumb")
    assert not isinstance(progress.view(), progress.LiveView)
