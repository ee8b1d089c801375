"""The door before DIGITS: its ports, its login, and the certificate by which this machine knows it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shlex
import socket
import ssl
import threading
from typing import TYPE_CHECKING

from provision.agent.paths import PREFIX
from provision.model.errors import BadInput, GpurigError
from provision.model.local_file import replace_text
from provision.model.project import local_folder

if TYPE_CHECKING:
    from pathlib import Path

    from provision.model.host import Host
    from provision.transport.session import Session

RECIPE, UNIT = "door", "gpurig-door.service"
PORT, BEHIND, INSIDE = 5000, 5001, 5002
"""With TLS and a login; DIGITS itself, for the box alone; the door again, for who has come by SSH."""
SHORTEST = 12
"""Characters of a password that the user chooses."""
_SECONDS = 5
_LOGIN = f"{PREFIX}/door/login.py"
_NO_DOOR = 3
# As templates/recipes/door/login.py has it.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 64}
# Several hosts get a login at once, and are noted in one file.
_LOCK = threading.Lock()


def is_there(session: Session) -> bool:
    """Tell whether the door is open on a host."""
    looked = session.connection.run(f"systemctl --quiet is-active {UNIT}", hide=True, warn=True, in_stream=False)
    return bool(looked.ok)


def url(host: Host) -> str:
    """Return where a host's door is."""
    return f"https://{host.address}:{PORT}"


def new_password() -> str:
    """Return a password that nobody guesses (144 bits)."""
    return secrets.token_urlsafe(18)


def checked(password: str) -> str:
    """Return a password of the user's own. Raises `BadInput` where it is too short."""
    if len(password) < SHORTEST:
        raise BadInput([f"the password has {len(password)} characters: {SHORTEST} is the least"])
    return password


def record(password: str) -> str:
    """Return a login as the door keeps it: salt, scrypt hash, and what signs its cookies."""
    salt = os.urandom(16)
    both = hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT)
    return json.dumps({"salt": salt.hex(), "hash": both[:32].hex(), "key": both[32:].hex()})


def set_login(session: Session, password: str) -> None:
    """Give a host's door a password, and end all sessions of the one before. Raises `GpurigError`.

    What travels, as a file that only the account may read, is its hash.
    """
    text = record(password)
    sftp, name = session.connection.sftp(), f".gpurig-login-{secrets.token_hex(8)}"
    with sftp.open(name, "w") as file:
        file.chmod(0o600)
        file.write(text)
    path, user = shlex.quote(str(sftp.normalize(name))), shlex.quote(session.connection.user)
    try:
        # Read as the account, whose folder it is.
        take = f"test -f {_LOGIN} || exit {_NO_DOOR}; runuser -u {user} -- cat {path} | python3 {_LOGIN} set"
        code, said = session.root(take)
    finally:
        sftp.remove(name)
    if code == _NO_DOOR:
        raise BadInput([f"{session.host} has no door"], hint="fab setup-digits puts it before DIGITS")
    if code:
        raise GpurigError(f"{session.host} did not take the password: {said.strip()}")


def learn(session: Session) -> str:
    """Return the fingerprint of a door's certificate, read over SSH, whose key is pinned, and note it."""
    code, text = session.root("cat /var/lib/gpurig-door/cert.pem")
    # What a shell's start-up file says comes before it.
    begin = text.rfind(ssl.PEM_HEADER)
    if code or begin < 0:
        raise GpurigError(f"{session.host} has no certificate: {text.strip()}", hint="fab setup-door")
    found = fingerprint(ssl.PEM_cert_to_DER_cert(text[begin:]))
    with _LOCK:
        path = _file()
        path.parent.mkdir(exist_ok=True)
        replace_text(path, json.dumps({**_noted(), _key(session.host): found}, indent=1) + "\n")
    return found


def fingerprint(certificate: bytes) -> str:
    """Return a certificate's SHA-256, as browsers show it."""
    digest = hashlib.sha256(certificate).hexdigest().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def noted(host: Host) -> str:
    """Return the fingerprint that was learned last, "" where none was."""
    return _noted().get(_key(host), "")


def seen(host: Host) -> str:
    """Return the fingerprint of the certificate that answers at a door's address; "" where nothing does, from here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # It is its own authority: what vouches for it is what was learned.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host.address, PORT), timeout=_SECONDS) as line,
            context.wrap_socket(line) as tls,
        ):
            return fingerprint(tls.getpeercert(binary_form=True) or b"")
    except OSError:
        return ""


def _key(host: Host) -> str:
    return host.instance_id or f"{host.address} {host.port}"


def _file() -> Path:
    """Return the file of certificates: a host's instance id, or its address and SSH port → the fingerprint."""
    return local_folder() / "doors.json"


def _noted() -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError):
        kept = json.loads(_file().read_text(encoding="utf-8"))
        return {str(key): str(value) for key, value in kept.items()} if isinstance(kept, dict) else {}
    return {}
