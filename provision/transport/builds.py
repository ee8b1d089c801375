"""Kept builds between a host and its user: signed here, lent from the bucket and sent there where the stack has one.

What goes wrong with any of it costs a build, and never a setup.
"""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from provision.agent.verbs import Verb
from provision.agent.wire.kept import Sealed, Shared
from provision.bundle import kept
from provision.model.builds import Place
from provision.model.errors import GpurigError
from provision.model.target import Target
from provision.transport import builder_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from provision.agent.wire.kept import Lent, Piece, PutLink
    from provision.agent.wire.requests import Apply
    from provision.aws.bucket import Bucket
    from provision.bundle.step import Bundle
    from provision.model.host import Host

INDEX = "index.json"
"""The file of an entry that is not called by its SHA-256."""
AT_ONCE = 8
"""Names that are looked for in the bucket at once."""
LARGEST = 5 * 2**30
"""Bytes that S3 takes in one request."""
MOST_TRIED = 20
"""Signatures of one name that are looked at: whoever may write there may put any number."""


class Builds:
    """The kept builds of one setup on one host. `answer` asks the host, as `Session.answer` does."""

    def __init__(self, host: Host, bundle: Bundle, answer: Callable[..., Any], tell: Callable[[str], None]) -> None:
        self.host, self.bundle, self.answer, self.tell = host, bundle, answer, tell
        self._target = host.target or Target()
        self._place = Place.read(self._target.builds) if self._target.builds else None
        self._bucket: Bucket | None = None
        self._lent: set[str] = set()
        self._fresh = False
        self.keys = self._builders()

    def _builders(self) -> list[str]:
        """Return the public keys by whose signatures kept builds count: the user's, and those that the stack names."""
        keys = list(self._target.builders)
        try:
            keys.append(builder_key.public())
        except GpurigError as error:
            self.tell(f"nothing that {self.host} keeps on its job volume will be signed: {error}")
        return keys

    def begin(self, *, fresh: bool) -> Apply:
        """Return the request that begins the setup; where there is a bucket, the host says what it wants of it."""
        self._fresh = fresh
        return {
            "verb": Verb.APPLY,
            "digest": self.bundle.digest,
            "bundle": "",
            "fresh": fresh,
            "builders": self.keys,
            "builds": None if self._place else {},
        }

    # -- from the bucket

    def lend(self, wanted: Sequence[str]) -> dict[str, Lent]:
        """Return what the bucket has of these, signed by somebody who counts; nothing where it cannot be asked.

        What is no build of this setup is not lent, whatever the host wants.
        """
        names = kept.names_of(self.bundle)
        wanted = [name for name in wanted if name in names]
        try:
            self._opened()
            with ThreadPoolExecutor(AT_ONCE) as pool:
                found = dict(zip(wanted, pool.map(self._trusted, wanted), strict=True))
        except GpurigError as error:
            self.tell(f"{error.what}: {self.host} builds all anew{_way_out(error)}")
            return {}
        lent = {name: entry for name, entry in found.items() if entry}
        self._lent |= lent.keys()
        return lent

    def _opened(self) -> Bucket:
        """Return the bucket. Raises `GpurigError` where it is not to be used."""
        if self._bucket is None:
            from provision.aws.bucket import Bucket  # noqa: PLC0415 - nobody pays for it without one

            assert self._place is not None  # noqa: S101 - nobody asks without
            host = self.host
            account = self._target.builds_account
            self._bucket = Bucket(self._place, reach=host.profile, region=host.region, account=account)
        return self._bucket

    def _trusted(self, name: str) -> Lent | None:
        """Return the newest entry of a name that somebody who counts has signed."""
        bucket = self._opened()
        entries = bucket.entries(name)[:MOST_TRIED]
        for entry in entries:
            signature = bucket.signature(entry)
            if builder_key.signed_by(self.keys, name, entry.digest, signature):
                return {"digest": entry.digest, "signature": signature, "links": bucket.links(entry)}
        if entries:
            self.tell(f"{bucket.place} has {name}, signed by no key that you trust: {self.host} does not take it")
        return None

    # -- to the bucket

    def keep(self, offered: Mapping[str, str]) -> None:
        """Sign what the host built just now, and have it sent; what goes wrong costs the next box a build."""
        try:
            signatures = builder_key.signatures(offered, self.bundle)
            if not signatures:
                return
            sealed = self.answer({"verb": Verb.SEAL, "signatures": signatures, "shares": bool(self._place)}, Sealed)
        except GpurigError as error:
            self.tell(f"what {self.host} keeps on its job volume is not signed, and no other box will take it: {error}")
            return
        try:
            self._share(_sound(sealed["pieces"], signatures), offered, signatures)
        except GpurigError as error:
            self.tell(f"{error.what}: what {self.host} built is not there{_way_out(error)}")

    def _share(
        self, pieces: Mapping[str, Sequence[Piece]], digests: Mapping[str, str], signatures: Mapping[str, str]
    ) -> None:
        """Have the host send entries to the bucket, and sign those there that came whole."""
        if not pieces:
            return
        bucket = self._opened()
        links: dict[str, dict[str, PutLink]] = {}
        size = 0
        for name, some in pieces.items():
            # What was lent and yet built anew did not do, and who wants a fresh one has a reason; else one is enough.
            if not self._fresh and name not in self._lent and self._trusted(name):
                links[name] = {}
            elif any(piece["size"] > LARGEST for piece in some):
                self.tell(
                    f"{name} does not go to {bucket.place}: S3 takes no file of more than {LARGEST / 2**30:.0f} GiB"
                )
                links[name] = {}
            else:
                links[name] = bucket.links_to_write(name, digests[name], some, signatures[name])
                size += sum(piece["size"] for piece in some)
        if size:
            self.tell(f"{self.host} sends {size / 2**20:,.1f} MiB of what it built to {bucket.place}")
        began = time.monotonic()
        told = self.answer({"verb": Verb.SHARE, "entries": links}, Shared)["entries"]
        if size and not any(told.values()):
            self.tell(f"it is there, after {time.monotonic() - began:.1f} s")
        for name, why in told.items():
            if why:
                self.tell(f"{name} is not in {bucket.place}: {why}; the next fab setup tries again")


def _sound(told: Mapping[str, Sequence[Piece]], signed: Collection[str]) -> dict[str, Sequence[Piece]]:
    """Return what a host tells of the files of builds that were signed just now, where it can be true."""
    return {
        name: some
        for name, some in told.items()
        if name in signed and isinstance(some, list) and all(map(_is_piece, some))
    }


def _is_piece(found: Any) -> bool:
    if not (isinstance(found, dict) and isinstance(found.get("sha256"), str) and type(found.get("size")) is int):
        return False
    is_sum = re.fullmatch(r"[0-9a-f]{64}", found["sha256"], re.ASCII)
    return bool(is_sum) and found.get("file") in (INDEX, found["sha256"])


def _way_out(error: GpurigError) -> str:
    return f" ({error.hint})" if error.hint else ""
