"""Kept builds on the wire: what passes between the box, its client and a bucket, and the events of it."""

from typing import Dict, List, Literal, TypedDict

from provision.agent.words import Kind


class Piece(TypedDict):
    """A file of a kept build, as it is called in a bucket: a part by its SHA-256."""

    file: str
    size: int
    sha256: str


class Lent(TypedDict):
    """A kept build in a bucket: its signature, and for each of its other files a link to read it."""

    digest: str
    signature: str
    links: Dict[str, str]


class PutLink(TypedDict):
    """A link to write a file once, with these headers of the request and no others."""

    url: str
    headers: Dict[str, str]


class Offer(TypedDict):
    """Kept builds that this box made and nobody has signed yet: name → SHA-256 of the index."""

    event: Literal[Kind.OFFER]
    entries: Dict[str, str]


class Wanted(TypedDict):
    """A setup would begin: these kept builds it would take. The client asks again, with what it can lend of them."""

    event: Literal[Kind.WANTED]
    entries: List[str]


class Sealed(TypedDict):
    """These kept builds have a signature now."""

    event: Literal[Kind.SEALED]
    entries: List[str]
    pieces: Dict[str, List[Piece]]
    """Of those that are to be shared, all files but the signature."""


class Shared(TypedDict):
    """What came of kept builds that were to be sent: name → why it is not in the bucket, "" where it is."""

    event: Literal[Kind.SHARED]
    entries: Dict[str, str]
