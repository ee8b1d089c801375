"""Kept builds in a bucket: an entry comes onto the job volume from there, and one that this box made goes there.

The box has no rights in the bucket. The client lends it a link for each file: to read what somebody who counts has
signed, and to write what was signed just now, each file once, with the very bytes that its index says. What comes was
made on another machine: with the right sums it is an entry like any on the volume, and is judged as those are.
"""

from __future__ import annotations

import concurrent.futures
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.files import load, lock, write
from provision.agent.held import held_of_root
from provision.agent.kept_parts import INDEX, index_of
from provision.agent.kept_signs import LENT, LOCK, SIGNATURE, made, vouched_for, write_made
from provision.agent.kept_stage import remove
from provision.agent.links import fetch, send
from provision.agent.mount import is_mounted
from provision.agent.paths import KEPT_FOLDER
from provision.agent.reply import say
from provision.agent.words import Kind

if TYPE_CHECKING:
    from typing import Callable, Dict, Mapping, Optional

    from provision.agent.kept_store import Store
    from provision.agent.wire.documents import Account, Index, Part
    from provision.agent.wire.kept import Lent, PutLink
    from provision.agent.wire.requests import Share

AT_ONCE = 16
"""Files on their way: S3 gives one connection less than a box's network takes."""
LARGEST_INDEX = 64 * 2**20
_PART = re.compile(r"(rest-)?\d{1,6}")
"""What `kept_store` calls a part: one of another name would be written elsewhere."""


def lend(entries: Mapping[str, Lent]) -> None:
    """Note what the client lends to the setup that begins now; what it lent to another one is gone."""
    write(LENT, json.dumps(entries))


def lent(name: str) -> Optional[Lent]:
    """Return what is lent of an entry, None where that is nothing."""
    found: Optional[Lent] = (load(LENT) or {}).get(name)
    return found


def bring(store: Store, name: str, entry: Lent) -> int:
    """Fetch an entry into the store; returns its bytes. Raises `OSError` and its like, and then there is none."""
    part = store.folder / f"{name}.part"
    remove(part)
    try:
        part.mkdir(mode=0o700)
        rows = _begun(name, entry, part)["rows"]
        size = sum(row["size"] for row in rows)
        store.open(size)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(lambda row: _bring(entry["links"], row, part, store.spend), rows):
                pass
        store.make_room()
        part.rename(store.folder / name)
    finally:
        remove(part)
    return size


def _begun(name: str, entry: Lent, part: Path) -> Index:
    """Fetch an entry's index, and return it once it is believed."""
    write(part / SIGNATURE, entry["signature"])
    fetch(_link(entry["links"], INDEX), part / INDEX, LARGEST_INDEX)
    digest, text = index_of(part)
    if digest != entry["digest"] or not vouched_for(name, digest, part / SIGNATURE):
        raise OSError("it is not signed by a key that you trust")
    index: Index = json.loads(text)
    names = {row["part"] for row in index["rows"] if _PART.fullmatch(row["part"])}
    if len(names) < len(index["rows"]):
        raise OSError("its index names parts as no box does")
    return index


def _link(links: Mapping[str, str], file: str) -> str:
    if file not in links:
        raise OSError(f"a file of it is not there: {file[:12]}")
    return links[file]


def _bring(links: Mapping[str, str], row: Part, part: Path, spend: Callable[[int], None]) -> None:
    spend(row["size"])
    if fetch(_link(links, row["sha256"]), part / row["part"], row["size"]) != (row["size"], row["sha256"]):
        raise OSError(f"the checksum of part {row['part']} is wrong")


def share(request: Share, account: Account) -> None:
    """Send entries that this box made where the client's links lead; tells of each why not, "" where it is there."""
    told: Dict[str, str] = {}
    mount = account["mount_point"]
    if is_mounted(mount, account["volume_id"]):
        with held_of_root(Path(mount), *KEPT_FOLDER) as folder:
            for name in sorted(request["entries"].keys() & made().keys()):
                told[name] = _sent(folder / name, request["entries"][name])
    with lock(LOCK):
        write_made({name: digest for name, digest in made().items() if told.get(name) != ""})
    say({"event": Kind.SHARED, "entries": told})


def _sent(entry: Path, links: Mapping[str, PutLink]) -> str:
    """Send the files of an entry for which there is a link; returns what went wrong, if anything."""
    try:
        index: Index = json.loads(index_of(entry)[1])
        files = {INDEX: INDEX, **{row["sha256"]: row["part"] for row in index["rows"]}}
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            jobs = [
                pool.submit(send, links[file]["url"], links[file]["headers"], entry / path)
                for file, path in files.items()
                if file in links
            ]
            for job in jobs:
                job.result()
        # Last of all: what has no signature is not there yet.
        if SIGNATURE in links:
            send(links[SIGNATURE]["url"], links[SIGNATURE]["headers"], entry / SIGNATURE)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return str(error) or type(error).__name__
    return ""
