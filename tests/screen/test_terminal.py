"""What a box says orders no terminal about: clipboard, title, cursor; its colours stay."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import paramiko
import pytest

from provision.screen.terminal import visible
from tests.kit.fab import FAB, clean_environment, fab
from tests.kit.ssh_server import PORT, Server, known_to
from tests.kit.terminal import shown

ADDRESS = "127.0.7.2"
CLIPBOARD = "\x1b]52;c;cm0gLXJmIH4=\x07"
ORDERS = {
    CLIPBOARD: r"\x1b]52;c;cm0gLXJmIH4=\x07",
    "\x1b]0;title\x1b\\": r"\x1b]0;title\x1b" + "\\",
    "\x1b]8;;http://198.51.100.1\x07here\x1b]8;;\x07": r"\x1b]8;;http://198.51.100.1\x07here\x1b]8;;\x07",
    "\x1b[2J\x1b[H": r"\x1b[2J\x1b[H",
    "\x1b[1A\x1b[2K": r"\x1b[1A\x1b[2K",
    "\x1b[5n\x1b[c": r"\x1b[5n\x1b[c",
    "\x1bP$qm\x1b\\": r"\x1bP$qm\x1b" + "\\",
    "\x9b31m\x9d52;c;eA==\x9c": r"\x9b31m\x9d52;c;eA==\x9c",
    "a\x08b\x7f\x00": r"a\x08b\x7f\x00",
    "error\rfine": r"error\x0dfine",
    "\u202etxt.exe": r"\u202etxt.exe",
    "\ud800": r"\ud800",
}


@pytest.mark.parametrize(("text", "expected"), ORDERS.items())
def test_what_is_an_order_is_written_out(text: str, expected: str) -> None:
    assert visible(f"before {text} after\n") == f"before {expected} after\n"


def test_a_text_without_orders_is_as_it_was() -> None:
    text = "ein Bär 熊 🐻‍❄ \t done\n\n\u2028 next\n"
    assert visible(text) == text


def test_a_line_ends_as_a_terminal_of_another_system_ends_it() -> None:
    assert visible("one\r\ntwo\r\n") == "one\ntwo\n"


def test_colours_stay_and_end_with_their_line() -> None:
    assert visible("\x1b[31mred\x1b[0m plain\n") == "\x1b[31mred\x1b[0m plain\n"
    assert visible("\x1b[1;38;5;9mred\nnext\n") == "\x1b[1;38;5;9mred\x1b[0m\nnext\n"
    assert visible("\x1b[38:2::1:2:3mred") == "\x1b[38:2::1:2:3mred\x1b[0m"
    once = visible(f"\x1b[31m{CLIPBOARD}\n")
    assert visible(once) == once


@pytest.fixture
def box(tmp_path: Path) -> Server:
    """A host that any command of `fab` finds, and whose shell prints what it should not."""
    server = Server("box")

    def act(channel: paramiko.Channel, _command: str) -> None:
        channel.sendall(f"{CLIPBOARD}\n".encode())
        channel.send_exit_status(3)

    server.acts = act
    known_to(tmp_path, {ADDRESS: server})
    (tmp_path / "hosts.toml").write_text(
        f'[host.box]\naddress = "{ADDRESS}"\nport = {PORT}\ngpu = "none"\nuser = "root"\n'
    )
    return server


@pytest.mark.parametrize("words", [("logs", "train-1"), ("ps",), ("status",), ("plan", "base"), ("setup", "base")])
def test_no_verb_lets_a_box_at_the_terminal(tmp_path: Path, box: Server, words: tuple[str, ...]) -> None:
    with box.at(ADDRESS):
        done = fab(tmp_path, *words, HOME=str(tmp_path))
        on_terminal = shown([*FAB, *words], tmp_path, clean_environment(HOME=str(tmp_path)), code=done.returncode)
    for text in (done.stdout, done.stderr, on_terminal):
        assert "]52;" not in text.replace(r"\x1b]52;", "")
        assert "\x07" not in text
    assert r"\x1b]52;c;" in done.stdout + done.stderr


def test_lines_have_their_colours_alone_also_beside_what_moves() -> None:
    script = f"""
import json
from provision.screen import progress, terminal
terminal.guard()
with progress.view() as out:
    out.now({CLIPBOARD!r})
    out.line("\\x1b[31mred " + {CLIPBOARD!r})
    out.now("\\x1b[2Jmore")
    out.line("plain")
    out.tell({CLIPBOARD!r})
    print({CLIPBOARD!r})
    progress.terminal.console().print({CLIPBOARD!r})
    out.block(json.dumps({{"line": {CLIPBOARD!r}}}))
"""
    text = shown([sys.executable, "-c", script], Path(__file__).parents[2], clean_environment())
    assert "\x07" not in text
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text
    assert re.search(r"\x1b\[31mred \\x1b\]52;c;cm0gLXJmIH4=(\\x07)?\x1b\[0m", text)
    assert text.count(r"\x1b]52;") >= 3, "of what is printed past the moving line, Rich itself drops what is no colour"
    assert r"\u001b]52;c;cm0gLXJmIH4=\u0007" in text
    assert "\x1b[?25l" in text, "what moves is Rich's, and moves"


def test_no_module_prints_past_it() -> None:
    """Rich's consoles come from `terminal.console`, and nobody writes to the streams below."""
    folder = Path(__file__).parents[2] / "provision"
    wrong = re.compile(r"\bConsole\(|__std(out|err)__|std(out|err)\.buffer|os\.write\(1|unguarded")
    found = [
        f"{path.name}: {line.strip()}"
        for path in folder.rglob("*.py")
        if "agent" not in path.parts and path.name != "terminal.py"
        for line in path.read_text(encoding="utf-8").splitlines()
        if wrong.search(line)
    ]
    assert found == []
