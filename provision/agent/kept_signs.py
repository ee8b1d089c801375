"""Who vouches for what the job volume keeps: the box for what it made itself, a signature for all else.

Whoever can write to the volume can write any entry, with all checksums right: root on another box of the stack, or the
maker of the snapshot that the volume was made from. So an entry counts by its signature, and no box can sign: what a
box made it notes on its own disk, and offers to the client that follows a setup; the key is on the user's machine.
"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.files import load, lock, remove, write
from provision.agent.held import held_of_root
from provision.agent.kept_parts import pieces_of
from provision.agent.mount import is_mounted
from provision.agent.paths import HOME, KEPT_FOLDER
from provision.agent.reply import say
from provision.agent.words import BUILDER, SIGNED_FOR, Kind, builders, kept_message

if TYPE_CHECKING:
    from typing import Dict, List, Sequence

    from provision.agent.wire.documents import Account
    from provision.agent.wire.kept import Piece
    from provision.agent.wire.requests import Seal

SIGNATURE = "signature"
"""The file of an entry with its signature, as `ssh-keygen -Y sign` writes it: all that it takes to check it."""
MADE = HOME / "kept" / "made.json"
"""Entry → digest, of what this box kept and nobody has signed yet."""
LENT = HOME / "kept" / "lent.json"
"""What the client of a setup has lent it (`kept_bucket`); root's alone, as links are to be."""
BUILDERS = HOME / "kept" / "builders"
"""The public keys that count, as `ssh-keygen -Y verify` reads them."""
LOCK = "kept.lock"


def trust(keys: Sequence[str]) -> None:
    """Have these public keys count from now on, and no others."""
    write(BUILDERS, builders(keys))


def note(name: str, digest: str) -> None:
    """Note that this box has made an entry."""
    with lock(LOCK):
        write_made({**made(), name: digest})


def made() -> Dict[str, str]:
    """Return what this box made and nobody has signed yet."""
    found: Dict[str, str] = load(MADE) or {}
    return found


def write_made(entries: Dict[str, str]) -> None:
    """Replace the notes."""
    import json  # noqa: PLC0415

    write(MADE, json.dumps(entries))


def vouched_for(name: str, digest: str, signature: Path) -> bool:
    """Return whether this box made an entry, or somebody whose key counts has signed it."""
    if made().get(name) == digest:
        return True
    verify = ["ssh-keygen", "-Y", "verify", "-f", str(BUILDERS), "-I", BUILDER, "-n", SIGNED_FOR, "-s", str(signature)]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return not subprocess.run(
            verify, input=kept_message(name, digest).encode(), capture_output=True, timeout=30, check=False
        ).returncode
    return False


def offer() -> None:
    """Tell the client of a setup that is over what there is to sign, if anything; what it lent is of no more use."""
    remove(LENT)
    if entries := made():
        say({"event": Kind.OFFER, "entries": entries})


def seal(request: Seal, account: Account) -> None:
    """Put the signatures of entries that this box made beside them.

    One that is to be shared stays the box's own until it has been (`kept_bucket.share`); its files are told.
    """
    sealed: List[str] = []
    pieces: Dict[str, List[Piece]] = {}
    mount = account["mount_point"]
    with contextlib.ExitStack() as stack:
        stack.enter_context(lock(LOCK))
        entries = made()
        if is_mounted(mount, account["volume_id"]):
            folder = stack.enter_context(held_of_root(Path(mount), *KEPT_FOLDER))
            for name in sorted(request["signatures"].keys() & entries.keys()):
                if (folder / name).is_dir():
                    write(folder / name / SIGNATURE, request["signatures"][name])
                    sealed.append(name)
                    if request["shares"]:
                        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # another changed it
                            pieces[name] = pieces_of(folder / name)
                        continue
                del entries[name]
            write_made(entries)
    say({"event": Kind.SEALED, "entries": sealed, "pieces": pieces})
