"""`fab keys`: who logs in to every host, and how that changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from provision.life import authorized_keys
from provision.life import keys as keyring
from provision.model.errors import BadInput
from provision.model.public_key import PublicKey
from provision.tasks.output import tell
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provision.life.authorized_keys import Entry
    from provision.life.keys import Wanted
    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

OPTIONS = {
    "add": "an ed25519 public key or its file: goes into gpurig:sshKeys and to every host; more than once",
    "remove": "a key by its fingerprint, comment or file: goes from gpurig:sshKeys and every host; more than once",
    "put": "bring the keys of gpurig:sshPublicKey and gpurig:sshKeys that are not there",
}


@verb(options=OPTIONS, json="print the keys as JSON, a line per host", short_options=False)
def keys(
    c: Context, *, add: Sequence[str] | None = None, remove: Sequence[str] | None = None, put: bool = False
) -> None:
    """Show the SSH keys that log in to every host, or change them; the last way in is never removed."""
    new, words = [_read(word) for word in add or ()], [*(remove or ())]
    _remember(c, new, words)
    by_stack = {host.stack or host.name: keyring.wanted(host, strict=put) for host in _of_each_stack(c.hosts)}

    def work(session: Session, out: View) -> None:
        if words:
            gone = keyring.remove(session, lambda entry: any(_names(word, entry) for word in words))
            out.tell(f"{session.host}: {_count(len(gone))} removed")
        wanted = by_stack[session.host.stack or session.host.name]
        bring = [*new, *(one.key for one in wanted if put)]
        if bring:
            out.tell(f"{session.host}: {_count(keyring.put(session, bring))} added")
        text = keyring.there(session)
        if c.json:
            out.line(json.dumps({"host": session.host.name, "keys": _rows(text, wanted)}))
        else:
            out.line("\n".join(f"{session.host.name}: {line}" for line in _shown(text, wanted)))

    c.each_session(work)


def _remember(c: Context, new: Sequence[PublicKey], words: Sequence[str]) -> None:
    """Change the settings before the hosts: one that does not answer now gets what is wanted by them later."""
    told = set()
    for host in _of_each_stack(c.hosts) if new or words else ():
        known = [one.key for one in keyring.wanted(host, strict=False)]
        drop = {key.material for key in known for word in words if _names(word, key)}
        told.add(keyring.remember(host, add=new, drop=drop))
    for line in sorted(filter(None, told)):
        tell(line)


def _of_each_stack(hosts: Sequence[Host]) -> list[Host]:
    """Return a host of each stack, and every machine of one's own: what is wanted is the same within a stack."""
    return [*{host.stack or host.name: host for host in hosts}.values()]


def _read(word: str) -> PublicKey:
    try:
        return PublicKey.read(word)
    except ValueError as error:
        raise BadInput([f"--add {word}: {error}"]) from error


def _names(word: str, key: Entry | PublicKey) -> bool:
    return word in (key.fingerprint, key.comment, key.material) or _material(word) == key.material


def _material(word: str) -> str:
    """Return the key that a word is, or whose file it names; "" where it is neither."""
    try:
        return PublicKey.read(word).material
    except ValueError:
        return ""


def _count(number: int) -> str:
    return "1 key" if number == 1 else f"{number or 'no'} keys"


def _plain(comment: str) -> str:
    """Return a comment as a terminal may show it: the file is the account's, and may say anything."""
    return "".join(letter if letter.isprintable() else "?" for letter in comment)


def _rows(text: str, wanted: Sequence[Wanted]) -> list[dict[str, object]]:
    """Return every key that is there or wanted."""
    whose = {one.key.material: one.whose for one in wanted}
    found: Sequence[Entry | PublicKey] = authorized_keys.entries(text)
    lacking = [one.key for one in keyring.missing(text, wanted)]
    return [
        {
            "fingerprint": one.fingerprint,
            "comment": _plain(one.comment),
            "by": whose.get(one.material, ""),
            "there": here,
        }
        for here, known in ((True, found), (False, lacking))
        for one in known
    ]


def _shown(text: str, wanted: Sequence[Wanted]) -> list[str]:
    lines = []
    for row in _rows(text, wanted):
        by = row["by"] or "not in the settings"
        note = "" if row["there"] else ", and is not there: fab keys --put"
        lines.append(f"{row['fingerprint']}  {row['comment'] or '(no comment)'}  {by}{note}")
    return lines or ["no key: how it lets you in is another way's business"]
