"""What reaches the user's terminal: text that a box may have written, with its control characters made visible.

A terminal takes orders in the text that it shows: to fill the clipboard (OSC 52), to rename its window, to move the
cursor over what was said before. Colours are all that a text may order here. `guard` puts this before standard output
and standard error, so that no print can forget it; Rich, which moves the cursor on its own account, writes past it
through `console`, which does the same to what it is given to show.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO

from invoke.exceptions import Exit

from provision.screen import simpler

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console, ConsoleOptions, RenderableType

_COLOUR = r"\x1b\[[0-9;:]*m"
"""SGR, which sets colours and weights: the one sequence that stays."""
# All of C0 but tab and line feed, DEL and C1; what turns the direction of writing round; halves of surrogate pairs.
_ORDERS = re.compile(
    rf"(?P<colour>{_COLOUR})|[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_PLAIN = re.compile(r"\x1b\[0*m")
RESET = "\x1b[0m"
_DUMB = ("dumb", "unknown")
"""Names in $TERM of terminals that can only write on."""
_NOBODY_READS = 128 + 13
"""What a shell says of a program that SIGPIPE ended, a signal that Windows does not have."""


def visible(text: str) -> str:
    """Return a text in which no character orders a terminal about, but for colours, and these end with their line.

    A line that ends in CR LF ends. Another CR is written out: what comes after it would cover what stands before it.
    """
    if not _ORDERS.search(text):
        return text
    return "".join(map(_line, re.split(r"(?<=\n)", text)))


def has_colours() -> bool:
    """Tell whether colours are wanted, and the terminal can do them (no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") not in _DUMB


def moves() -> bool:
    """Tell whether standard output is a terminal on which a line can be written over."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in _DUMB


def _line(text: str) -> str:
    body = text.rstrip("\r\n")
    end = "\n" if text.endswith("\n") else ""
    if not has_colours():
        return _ORDERS.sub(lambda found: "" if found["colour"] else _written(found[0]), body) + end
    colours = [found[0] for found in re.finditer(_COLOUR, body)]
    shown = _ORDERS.sub(lambda found: found["colour"] or _written(found[0]), body)
    return shown + (RESET if colours and not _PLAIN.fullmatch(colours[-1]) else "") + end


def _written(character: str) -> str:
    r"""Return a character as Python writes it: \x1b, \u202e."""
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class Guarded:
    """A stream that shows what is written to it as `visible` has it, and is the stream in all else."""

    def __init__(self, stream: TextIO) -> None:
        self.unguarded = stream

    def write(self, text: str) -> int:
        """Write a text, made visible; returns how many characters of it were taken: all."""
        try:
            self.unguarded.write(visible(text))
        except BrokenPipeError:
            raise nobody_reads() from None
        except OSError as error:
            if error.errno == errno.EINVAL and not self.unguarded.isatty():  # as Windows says that a pipe is closed
                raise nobody_reads() from None
            raise
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unguarded, name)


def nobody_reads() -> Exit:
    """Return how `fab` ends where whoever read its output wants no more (`| head`)."""
    # Python would say so once again when it closes its output.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit(code=_NOBODY_READS)


def guard() -> None:
    """Have all that this program prints made visible, from here on, with the characters that the stream has."""
    codecs.register_error(simpler.NAME, simpler.simpler)
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is not None and not isinstance(stream, Guarded):
            # In a pipe too each line goes when it is whole: who follows sees it, and who reads no more shows at once.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(line_buffering=True, errors=simpler.NAME)
            setattr(sys, name, Guarded(stream))


def console(**how: Any) -> Console:
    """Return a console of Rich for standard output; `how`: as Rich's own takes it."""
    from rich import console as rich  # noqa: PLC0415 - 60 ms that other verbs need not pay
    from rich.segment import Segment  # noqa: PLC0415

    class Visible(rich.Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                # What Rich orders by itself stays. A link in a text would hide where it leads.
                style = segment.style and segment.style.update_link(None)
                yield segment if segment.control else Segment(visible(segment.text), style)

    return Visible(file=getattr(sys.stdout, "unguarded", sys.stdout), **how)
