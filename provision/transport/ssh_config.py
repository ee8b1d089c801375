"""What OpenSSH reads of a stack's boxes, in a file of the stack's own below ~/.ssh: `ssh box`, rsync, an editor.

The file is the whole truth of a box for OpenSSH: its address of now, its user, its instance id as the name of its host
key, and where that key is pinned. Whoever finds a box at a new address changes the file, where there is one.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from provision.model.errors import BadInput
from provision.model.local_file import replace_text
from provision.model.project import project_folder
from provision.transport import way

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from provision.model.host import Host

HEAD = "# Boxes of gpurig, by `fab ssh-config` in: "
NOWHERE = "is-stopped-see-fab-start.invalid"
"""The end of the host name of a box that has no address: what ssh says of it then tells what to do."""


def folder() -> Path:
    """Return the folder of the files, one per project and stack."""
    return Path.home() / ".ssh" / "gpurig"


def file_of(stack: str) -> Path:
    """Return a stack's file, there or not."""
    return folder() / f"{re.sub(r'[^A-Za-z0-9._-]', '_', stack)}.conf"


def of_this_project() -> list[Path]:
    """Return the files of all stacks that were written in this project's folder."""
    return [path for path in sorted(folder().glob("*.conf")) if _maker(path) == str(project_folder().resolve())]


def _maker(path: Path) -> str:
    """Return the project's folder that a file was written in, "" where it does not say so."""
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith(HEAD):
                return line.removeprefix(HEAD)
    return ""


def long_name(host: Host) -> str:
    """Return the name of a box that no other stack's box has: "box.gpurig.dev"."""
    return f"{host.name}.{host.stack}"


def write(hosts: Sequence[Host], pins: Path, identity: str, taken: Container[str]) -> Path:
    """Write a stack's file and return it; `pins`: the file of pinned keys, `identity`: the user's private key or "".

    `taken`: names that the user has entries of his own for; their boxes are there by their long name alone. Raises
    `BadInput` where another project folder has a stack of this name, or the file cannot be written.
    """
    here, path = str(project_folder().resolve()), file_of(hosts[0].stack)
    maker = _maker(path)
    if maker not in ("", here) and Path(maker).is_dir():
        hint = f"take those away first: fab ssh-config --remove, there; or give this stack another name\n{path}"
        raise BadInput(
            [f"{maker} has a stack {hosts[0].stack} too, and its boxes are in ~/.ssh by that name"], hint=hint
        )
    entries = [_entry(host, pins, identity, short=host.name not in taken) for host in hosts]
    text = f"{HEAD}{here}\n# Kept by fab; what is changed here by hand is lost.\n\n" + "\n".join(entries)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_text(path, text, mode=0o600)
    except OSError as error:
        raise BadInput([f"{path} cannot be written: {error.strerror}"]) from error
    return path


def _entry(host: Host, pins: Path, identity: str, *, short: bool) -> str:
    names = f"{host.name} {long_name(host)}" if short else long_name(host)
    key = [f"IdentityFile {_quoted(Path(identity).expanduser().resolve())}", "IdentitiesOnly yes"] if identity else []
    proxy = way.proxy(host, str(Path(identity).expanduser().resolve()) if identity else "")
    lines = [
        f"HostName {_place(host, host.address)}",
        f"HostKeyAlias {host.instance_id}",
        f"User {host.user}",
        f"Port {host.port}",
        f"UserKnownHostsFile {_quoted(pins.resolve())}",
        "StrictHostKeyChecking yes",
        # The key goes with the instance: addresses come back as other people's.
        "CheckHostIP no",
        "UpdateHostKeys no",
        f"ServerAliveInterval {way.KEEPALIVE}",
        *key,
        *([f"ProxyCommand {proxy}"] if proxy else ()),
    ]
    return f"Host {names}\n" + "".join(f"    {line}\n" for line in lines)


def _place(host: Host, address: str) -> str:
    return address or f"{host.name}-{NOWHERE}"


def _quoted(path: Path) -> str:
    """Return a path as ssh_config takes it: a percent sign begins a token there."""
    return '"' + path.as_posix().replace("%", "%%") + '"'


def follow(host: Host, address: str, *, asked: bool = True) -> None:
    """Have the stack's file, where there is one, say where a host is, and which instance it is by now.

    `asked`: EC2 said so; what a state records does not count for an instance that was found stopped. What cannot be
    written stays as it is.
    """
    if not host.stack:
        return

    def now(entry: re.Match[str]) -> str:
        if not asked and entry["id"] == host.instance_id and entry["place"].endswith(NOWHERE):
            return entry[0]
        return f"{entry['name']}{_place(host, address)}{entry['key']}{host.instance_id}"

    path, name = file_of(host.stack), re.escape(long_name(host))
    entry = rf"^(?P<name>Host (?:\S+ )?{name}\n +HostName )(?P<place>.*)(?P<key>\n +HostKeyAlias )(?P<id>.*)$"
    with contextlib.suppress(OSError, ValueError):
        old = path.read_text(encoding="utf-8")
        if _maker(path) != str(project_folder().resolve()):
            return
        new = re.sub(entry, now, old, flags=re.MULTILINE)
        if new != old:
            replace_text(path, new, mode=0o600)
