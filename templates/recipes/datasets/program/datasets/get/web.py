"""Files of web servers."""

from __future__ import annotations

import email.utils
import http.client
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

from datasets.get.sources import BLOCK, FileInfo, SourceChanged, Transient, file_name, redacted, refuse_page
from datasets.messages import Failure, bad_input

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

TIMEOUT = 30
"""Seconds without a byte after which a connection counts as dead."""
BEGINS = 1024
"""Bytes that are looked at before a file is taken for what it says it is."""
WAITS = (408, 425, 429, 500, 502, 503, 504)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects; what the user gave for one server (a cookie, a token) goes to no other."""

    def redirect_request(self, *args: Any) -> urllib.request.Request | None:
        """Return the request to follow with."""
        old, new = args[0], super().redirect_request(*args)
        if new is not None and new.host == old.host and new.type in (old.type, "https"):
            for name, value in old.unredirected_hdrs.items():
                new.add_unredirected_header(name, value)
        return new


class Web:
    """One file of a web server."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        words = urllib.parse.urlsplit(url)
        # What is not ASCII in an address is sent as a browser would.
        path, query = (urllib.parse.quote(part, safe="/%:=&?~#+!$,;'@()*[]|") for part in (words.path, words.query))
        self.url = words._replace(path=path, query=query, fragment="").geturl()
        self.address = redacted(url)
        self.headers = dict(headers)
        self._opener = urllib.request.build_opener(_Redirects)
        self.info = self._probe()

    def read(self, start: int, end: int | None) -> Generator[bytes, None, None]:
        """Yield the bytes from `start` to `end`."""
        with self._open(start, end) as response:
            self._same(response, start)
            while True:
                try:
                    data = response.read1(BLOCK)
                except (OSError, http.client.HTTPException) as error:
                    raise Transient(f"{self.address}: {_why(error)}") from error
                if not data:
                    return
                yield data

    def _probe(self) -> FileInfo:
        """Ask for the first bytes: whether ranges work, how long it is, and that it is no web page."""
        # Not by HEAD: an address that is signed for GET allows nothing else.
        with self._open(0, BEGINS) as response:
            begins = response.read(BEGINS)
            heads = response.headers
            name = file_name(heads.get_filename(), self.url, response.url)
            refuse_page(self.address, name, heads.get_content_type() if heads.get("Content-Type") else "", begins)
            size = heads.get("Content-Length")
            ranges = response.status == 206
            if ranges:
                size = (heads.get("Content-Range") or "").rpartition("/")[2]
            length = int(size) if size and size.isdecimal() else None
            if response.status == 416:
                length, ranges = 0, True
            etag, modified = heads.get("ETag") or "", heads.get("Last-Modified") or ""
            return FileInfo(name=name, size=length, ranges=ranges and length is not None, etag=etag, modified=modified)

    def _open(self, start: int, end: int | None) -> Any:
        request = urllib.request.Request(self.url, headers={"Accept-Encoding": "identity", "User-Agent": "gpurig"})  # noqa: S310 - http and https only: the caller looks
        for name, value in self.headers.items():
            request.add_unredirected_header(name, value)
        info = getattr(self, "info", None)
        if info is None or info.ranges:
            request.add_header("Range", f"bytes={start}-{'' if end is None else end - 1}")
            # A weak tag (W/…) says "much the same", which is not enough to join two halves.
            validator = info and (info.etag if info.etag and not info.etag.startswith("W/") else info.modified)
            if validator:
                request.add_header("If-Range", validator)
        try:
            return self._opener.open(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            if error.code == 416 and info is None:
                return error
            raise self._refusal(error) from error
        except ssl.SSLCertVerificationError as error:
            raise self._untrusted(error) from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise self._untrusted(error.reason) from error
            raise Transient(f"{self.address} cannot be reached: {_why(error.reason)}") from error
        except (OSError, http.client.HTTPException) as error:
            raise Transient(f"{self.address}: {_why(error)}") from error

    def _untrusted(self, error: ssl.SSLCertVerificationError) -> Failure:
        """Return the error of a server that cannot show that it is the one of its address."""
        hint = "fetch it where you can look at the certificate, and send it: fab dataset-put FILE"
        return Failure(f"{self.address}: its certificate is not trusted: {error.verify_message}", hint)

    def _same(self, response: Any, start: int) -> None:
        """Raise `SourceChanged` where an answer is about another file than the one that was begun."""
        heads, info = response.headers, self.info
        size = info.size
        if info.ranges:
            content_range = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", heads.get("Content-Range") or "")
            if response.status == 206 and (not content_range or int(content_range[1]) != start):
                raise Transient(f"{self.address} answers other bytes than were asked for")
            size = int(content_range[2]) if content_range else int(heads.get("Content-Length") or -1)
        elif info.size is not None:
            size = int(heads.get("Content-Length") or -1)
        # A tag says it all; servers behind one name may well disagree about the time.
        mark = "ETag" if info.etag and heads.get("ETag") else "Last-Modified"
        was = info.etag if mark == "ETag" else info.modified
        if size != info.size or (was and (heads.get(mark) or was) != was):
            raise SourceChanged(self.address)
        if info.ranges and response.status != 206:
            raise Transient(f"{self.address} gives no bytes from the middle any more")

    def _refusal(self, error: urllib.error.HTTPError) -> Exception:
        """Return what an HTTP status means: a try later, another file, or the end."""
        if error.code in WAITS:
            return Transient(f"{self.address}: {error.code} {error.reason}", _seconds(error.headers.get("Retry-After")))
        if error.code == 416:
            return SourceChanged(self.address)
        hint = {
            401: "it wants a login: --header 'Authorization: …'",
            403: "a signed address may have run out; a login goes as --header 'Cookie: …'",
            404: "look at the address in a browser",
            410: "look at the address in a browser",
        }.get(error.code, "")
        return bad_input(f"{self.address}: {error.code} {error.reason}", hint)


def _why(error: object) -> str:
    """Return what a failed connection says of itself, without the number of its error."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _seconds(word: str | None) -> float:
    """Return what a Retry-After means: seconds, or a date."""
    if not word:
        return 0
    if word.isdecimal():
        return float(word)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(word).timestamp() - time.time())
    except ValueError:
        return 0
