"""Let a program of the distribution decompress what comes: it works beside this one, and knows a cut stream."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tempfile
import threading
from typing import IO, TYPE_CHECKING

from datasets.get.output import BadArchive, TruncatedArchive
from datasets.messages import Failure

if TYPE_CHECKING:
    from datasets.get.stream import ArrivingArchive

PROGRAMS = {
    "gz": ("gzip", "-dc"),
    "bz2": ("bzip2", "-dc"),
    "xz": ("xz", "-dc"),
    "zst": ("zstd", "-dcq", "--long=31"),
}
"""Compression → the program that takes it off."""
GARBAGE = "trailing garbage"
"""What gzip and bzip2 say of what follows their end and is not theirs; of zeros, as of a tape, gzip says nothing."""


class Decompressor:
    """The bytes of a compressed archive, decompressed. A context manager: gives a pipe to read from."""

    def __init__(self, archive: ArrivingArchive, kind: str, name: str) -> None:
        self._archive, self._name = archive, name
        self._command = PROGRAMS[kind]
        if shutil.which(self._command[0]) is None:
            raise Failure(f"there is no {self._command[0]} on this host", "fab setup-datasets installs it")
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._error: BaseException | None = None

    def __enter__(self) -> IO[bytes]:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, bufsize=2**20
        )
        self._writer = threading.Thread(target=self._feed, daemon=True)
        self._writer.start()
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        return self._process.stdout

    def __exit__(self, kind: object, *_: object) -> None:
        """End it. Raises what ended the archive, else `BadArchive` where the program was not content."""
        process = self._process
        process.stdout.close()  # type: ignore[union-attr]
        try:
            # Where the stream was cut it has ended by itself, and knows better why than whoever read what it gave.
            code = process.wait(1 if kind else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = 0
        self._writer.join()
        self._stderr.seek(0)
        words = self._stderr.read(2000).decode("utf-8", "replace").strip().splitlines()
        self._stderr.close()
        if self._error is not None:
            raise self._error
        if code >= 0 and any(GARBAGE in word for word in words):
            raise BadArchive(self._name, f"behind its end is something that {self._command[0]} did not write")
        if code > 0:
            why = words[-1] if words else f"{self._command[0]} ends with {code}"
            # "unexpected end of file", "ends unexpectedly", "Unexpected end of input", "premature end"
            raise (
                TruncatedArchive(why)
                if re.search(r"\bends?\b", why)
                else BadArchive(self._name, f"it is damaged: {why}")
            )

    def _feed(self) -> None:
        """Write the archive into the program; a program that has ended says why itself."""
        try:
            with contextlib.suppress(BrokenPipeError), self._process.stdin as goal:  # type: ignore[union-attr]
                while data := self._archive.read():
                    goal.write(data)
        except Exception as error:  # noqa: BLE001 - raised where the stream is read
            self._error = error
            self._process.kill()
