"""`fab dataset-get`: fetch a data set from the net or from S3, straight onto the job volume."""

from __future__ import annotations

import re
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

from provision.model.errors import BadInput
from provision.model.schema import plain
from provision.tasks.datasets import check_name, job_of, letters, name_from, work
from provision.tasks.option import whole_number
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provision.tasks.context import Context

SCHEMES = ("http", "https", "s3")
MOST = 32
"""Connections at once."""
DIGEST = re.compile(r"(md5|sha1|sha224|sha256|sha384|sha512):([0-9a-fA-F]+)")
OPTIONS = {
    "url": "an address more (the first ones are words): http://, https://, or s3://BUCKET/KEY, or a prefix of keys",
    "name": "the data set's name; made from the first address where not given",
    "sums": "checksums: a file as sha256sum writes it, the address of one, or sha256:DIGEST of the one file",
    "keep": "keep archives as they are, instead of unpacking them",
    "names": "in which letters the names in archives are that do not say so: cp866, cp932, …",
    "frugal": "delete each piece of an archive once it is unpacked; cut off, it begins anew",
    "parallel": "connections at once",
    "header": "'NAME: VALUE' to send along, such as a cookie; it is shown nowhere; may be given more than once",
    "s3_endpoint": "address of a store that speaks S3, instead of Amazon's",
    "detach": "start it and return",
}


@verb(options=OPTIONS, argument="url", short_options=False)
def dataset_get(  # noqa: PLR0913 - one for each option
    c: Context,
    *,
    url: list[str] | None = None,
    name: str = "",
    sums: str = "",
    keep: bool = False,
    names: str = "",
    frugal: bool = False,
    parallel: str = "4",
    header: list[str] | None = None,
    s3_endpoint: str = "",
    detach: bool = False,
) -> None:
    """Fetch a data set (fab dataset-get URL ...) onto the job volume of every host, checked and unpacked."""
    urls = _checked(url or [])
    order = {
        "name": name or name_from(urls[0]),
        "urls": urls,
        "headers": _headers(header or []),
        "sums": _sums(sums),
        "unpack": not keep,
        "names": letters(names),
        "frugal": frugal,
        "parallel": whole_number("parallel", parallel, MOST),
        "endpoint": s3_endpoint,
    }
    check_name(str(order["name"]))
    # Behind a question mark, or a #, there may be a signature.
    asked = ["dataset-get", *(re.split(r"[?#]", url)[0] for url in urls), *([f"--name={name}"] if name else [])]
    asked += [f"--names={names}"] if names else []
    work(c, lambda _session, place, _out: job_of(order, place, asked), detach=detach)


def _checked(urls: list[str]) -> list[str]:
    """Return addresses. Raises `BadInput` with all that are none."""
    if not urls:
        raise BadInput(["there is no address to fetch from"], hint="fab dataset-get https://…/train.zip")
    problems = []
    for url in urls:
        words = _split(url)
        if words is None or words.scheme not in SCHEMES or not words.netloc:
            problems.append(f"{plain(url)}: an address begins with {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
        elif words.scheme != "s3" and "@" in words.netloc:
            problems.append(
                f"{plain(words.hostname)}: a password in an address ends up in logs; --header 'Authorization: …'"
            )
    if problems:
        raise BadInput(problems, hint="what is on this machine goes up by `fab dataset-put`")
    return list(dict.fromkeys(urls))


def _split(url: str) -> urllib.parse.SplitResult | None:
    """Return the parts of an address, None for what is none, or what a terminal would obey."""
    try:
        return urllib.parse.urlsplit(url) if url.isprintable() else None
    except ValueError:
        return None


def _headers(words: Sequence[str]) -> dict[str, str]:
    """Return name → value. Raises `BadInput`; what may be a password is not repeated."""
    found: dict[str, str] = {}
    for number, word in enumerate(words, 1):
        name, colon, value = word.partition(":")
        if not colon or not re.fullmatch(r"[A-Za-z0-9-]+", name.strip()) or "\n" in value or "\r" in value:
            raise BadInput([f"--header, number {number}: write 'NAME: VALUE'"])
        found[name.strip()] = value.strip()
    return found


def _sums(word: str) -> dict[str, str] | None:
    """Return what --sums names: one digest, the text of a file, or an address. Raises `BadInput`."""
    if not word:
        return None
    if DIGEST.fullmatch(word):
        return {"single": word}
    if (words := _split(word)) and words.scheme in SCHEMES:
        return {"origin": word}
    try:
        return {"origin": word, "text": Path(word).expanduser().read_text(encoding="utf-8")}
    except (OSError, ValueError, RuntimeError) as error:  # no home of that name, a character that no path has
        hint = "a file of checksums, the address of one, or sha256:DIGEST"
        raise BadInput([f"--sums {plain(word)}: {error}"], hint=hint) from error
