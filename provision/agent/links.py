"""Files over HTTP by links that a client has lent: whoever has such a link may do that one thing, until it runs out.

A link is as good as a key as long as it lasts: none is ever said or logged.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Callable, Dict, Mapping, Tuple

BLOCK = 2**20
TRIES = 5
PAUSE = 0.5
"""Seconds before the second try, and twice as many before each one after it."""
SILENCE = 60
"""Seconds without a byte after which a connection counts as cut."""


class Unanswered(OSError):
    """It was cut off, or the other side was not well: worth another try."""


class Declined(OSError):
    """The other side said no."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(f"the bucket answers {status}: {why}")
        self.status = status


def fetch(link: str, goal: Path, most: int) -> Tuple[int, str]:
    """Download a file of at most so many bytes; returns its size and SHA-256. Raises `OSError`.

    Where the connection is cut it goes on from there.
    """
    with goal.open("wb") as target:
        got = _Received(target, most)
        _again(lambda: got.go_on(link))
    return got.size, got.digest.hexdigest()


class _Received:
    """What has come of a file so far."""

    def __init__(self, target: IO[bytes], most: int) -> None:
        self.target, self.most = target, most
        self.size, self.digest = 0, hashlib.sha256()

    def go_on(self, link: str) -> None:
        """Take what is still to come."""
        headers = {"Range": f"bytes={self.size}-"} if self.size else {}
        with _call(urllib.request.Request(link, headers=headers)) as answer:  # noqa: S310 - `asked` has looked at it
            if self.size and answer.status != HTTPStatus.PARTIAL_CONTENT:
                raise OSError("the bucket does not go on in the middle of a file")
            whole = self.size + int(answer.headers.get("Content-Length") or 0)
            while True:
                block = _read(answer)
                if not block:
                    break
                self.size += len(block)
                if self.size > self.most:
                    raise OSError("it is longer than it was when it was signed")
                self.digest.update(block)
                self.target.write(block)
        if self.size < whole:
            raise Unanswered(f"cut off after {self.size} of {whole} bytes")


def send(link: str, headers: Mapping[str, str], file: Path) -> bool:
    """Upload a file; returns whether it was not there yet. Raises `OSError`."""
    length: Dict[str, str] = {"Content-Length": str(file.stat().st_size), "Content-Type": "application/octet-stream"}

    def attempt() -> None:
        with file.open("rb") as source:
            request = urllib.request.Request(  # noqa: S310 - as above
                link, data=source, headers={**length, **headers}, method="PUT"
            )
            with _call(request):
                pass

    try:
        _again(attempt)
    except Declined as no:
        if no.status == HTTPStatus.PRECONDITION_FAILED:
            return False
        raise
    return True


def _again(attempt: Callable[[], None]) -> None:
    """Make an attempt, and another one where that may go better."""
    for number in range(TRIES):
        try:
            attempt()
        except Unanswered:
            if number == TRIES - 1:
                raise
            time.sleep(PAUSE * 2**number)
        else:
            return


def _call(request: urllib.request.Request) -> Any:
    """Return an answer to be read. Raises `Declined`, or `Unanswered`."""
    try:
        return urllib.request.urlopen(request, timeout=SILENCE)  # noqa: S310 - as above
    except urllib.error.HTTPError as error:
        said = error.read(4096).decode("utf-8", "replace")
        found = re.search(r"<Message>([^<]*)</Message>", said) or re.search(r"<Code>([^<]*)</Code>", said)
        no = Declined(error.code, found.group(1) if found else str(error.reason))
        # What S3 answers to two who write the same file at once is a conflict, too.
        if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR or error.code == HTTPStatus.CONFLICT:
            raise Unanswered(str(no)) from None
        raise no from None
    except (OSError, http.client.HTTPException) as error:
        raise Unanswered(f"the bucket does not answer: {getattr(error, 'reason', error)}") from error


def _read(answer: Any) -> bytes:
    try:
        return bytes(answer.read(BLOCK))
    except (OSError, http.client.HTTPException) as error:
        raise Unanswered(f"cut off: {error}") from error
