"""Let a program of the distribution decompress what comes: it works beside this one, and knows a cut stream."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tempfile
import threading
from typing import IO, TYPE_CHECKING

from datasets.get.tree import Bad, Short
from datasets.get.words import Stop

if TYPE_CHECKING:
    from datasets.get.feed import Feed

PROGRAMS = {
    "tar.gz": ("gzip", "-dc"),
    "tar.bz2": ("bzip2", "-dc"),
    "tar.xz": ("xz", "-dc"),
    "tar.zst": ("zstd", "-dcq", "--long=31"),
}
GARBAGE = 2
"""What gzip ends with when something that is no gzip follows: zeros of a tape's last block."""


class Pipe:
    """The bytes of a feed, decompressed."""

    def __init__(self, feed: Feed, kind: str, archive: str) -> None:
        self.feed, self.archive = feed, archive
        self.words = PROGRAMS[kind]
        if shutil.which(self.words[0]) is None:
            raise Stop(f"there is no {self.words[0]} on this host", "fab setup-datasets installs it")
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._error: BaseException | None = None

    def __enter__(self) -> IO[bytes]:
        self._process = subprocess.Popen(
            self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, bufsize=2**20
        )
        self._feeder = threading.Thread(target=self._pour, daemon=True)
        self._feeder.start()
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        return self._process.stdout

    def __exit__(self, kind: object, *_: object) -> None:
        """End it. Raises what ended the feed, else `Bad` where the program was not content."""
        process = self._process
        process.stdout.close()  # type: ignore[union-attr]
        try:
            # Where the stream was cut it has ended by itself, and knows better why than whoever read what it gave.
            code = process.wait(1 if kind else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = 0
        self._feeder.join()
        self._said.seek(0)
        said = self._said.read(2000).decode("utf-8", "replace").strip().splitlines()
        self._said.close()
        if self._error is not None:
            raise self._error
        if code > 0 and not (self.words[0] == "gzip" and code == GARBAGE):
            why = said[-1] if said else f"{self.words[0]} ends with {code}"
            # "unexpected end of file", "ends unexpectedly", "Unexpected end of input", "premature end"
            raise Short(why) if re.search(r"\bends?\b", why) else Bad(self.archive, f"it is damaged: {why}")

    def _pour(self) -> None:
        """Write the feed into the program; a program that has ended says why itself."""
        try:
            with contextlib.suppress(BrokenPipeError), self._process.stdin as goal:  # type: ignore[union-attr]
                while data := self.feed.read(2**18):
                    goal.write(data)
        except Exception as error:  # noqa: BLE001 - raised where the stream is read
            self._error = error
            self._process.kill()
