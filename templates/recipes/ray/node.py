"""What this host is in a cluster of Ray: its own key, what the head has signed for it, and where the head is.

Run as the account, which Ray runs as; `fab setup-ray` calls it on all hosts, over SSH. A key never leaves its host; the
authority's, and the token that all share, are in the head's folder on its job volume, so that another box with that
volume is the same cluster's head. What comes in comes by standard input, and what goes out is JSON. Python 3.10,
standard library only.

    node.py show [FOLDER]         what the host is, what it runs; of the head, who signs in its folder
    node.py request               its public key, as a request to sign
    node.py sign FOLDER ADDRESS   on the head: let in who has that address; makes the authority where there is none
    node.py join                  take what the head has given
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import platform
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

STATE = Path(os.environ.get("GPURIG_RAY", "/var/lib/gpurig-ray"))
VENV = Path(__file__).parent / "venv"
MACHINE = ("/var/lib/cloud/data/instance-id", "/etc/machine-id")
DAYS, RENEW = 3650, 60
"""How long a certificate is good for, and with how many days left it counts as none."""
ROLES = ("head", "worker")
KEY = ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
AUTHORITY = """[req]
prompt = no
distinguished_name = name
x509_extensions = authority
[name]
CN = gpurig ray
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign
"""
# Ray checks the address that it connects to, whichever side connects.
NODE = """basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = IP:{address}, IP:127.0.0.1, DNS:localhost
"""


class Wrong(Exception):
    """What was asked for cannot be."""


def openssl(*words: str, text: str = "") -> str:
    """Return what openssl prints. Raises `Wrong` with its last words."""
    done = subprocess.run(["openssl", *words], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Wrong(f"openssl {words[0]}: {said[-1] if said else 'no reason given'}")
    return done.stdout


def write(path: Path, text: str) -> None:
    """Write a file that only the account may read, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def settings() -> dict[str, str]:
    """Return what this machine was told when it joined: ROLE, ADDRESS, HEAD; nothing where it never did."""
    if not own():
        return {}
    with contextlib.suppress(OSError):
        lines = (STATE / "node.env").read_text(encoding="ascii").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)
    return {}


def machine() -> str:
    """Return what tells this machine from one that was made of its image."""
    return "".join(Path(name).read_text(encoding="ascii") for name in MACHINE if Path(name).is_file())


def own() -> bool:
    """Tell whether the key was made on this machine: an image of a host has that host's in it."""
    with contextlib.suppress(OSError):
        return (STATE / "machine").read_text(encoding="ascii") == machine() and (STATE / "key.pem").is_file()
    return False


def public_key(pem: str, kind: str) -> str:
    """Return the public key of a private one ("pkey"), a request ("req") or a certificate ("x509")."""
    return openssl(kind, "-noout", "-pubkey", text=pem) if kind != "pkey" else openssl("pkey", "-pubout", text=pem)


def good() -> bool:
    """Tell whether the host's certificate is of its own key, by its authority, and good for a while."""
    try:
        key, certificate = ((STATE / name).read_text(encoding="ascii") for name in ("key.pem", "certificate.pem"))
        openssl("x509", "-noout", "-checkend", str(RENEW * 86400), text=certificate)
        openssl("verify", "-CAfile", str(STATE / "authority.pem"), str(STATE / "certificate.pem"))
        same = public_key(key, "pkey") == public_key(certificate, "x509")
        return same and own() and (STATE / "token").is_file()
    except (OSError, Wrong):
        return False


def fingerprint(certificate: Path) -> str:
    """Return the SHA-256 of a certificate; "" where there is none."""
    with contextlib.suppress(OSError, Wrong):
        text = certificate.read_text(encoding="ascii")
        return openssl("x509", "-noout", "-fingerprint", "-sha256", text=text).strip().rpartition("=")[2]
    return ""


def show(folder: Path | None = None) -> dict[str, object]:
    """Return what the host is in the cluster, and what it runs: versions that differ cannot be one."""
    found = [path.stem.partition("-")[2] for path in VENV.glob("lib/python3*/site-packages/ray-*.dist-info")]
    told = settings()
    return {
        **{name.lower(): told.get(name, "") for name in ("ROLE", "ADDRESS", "HEAD")},
        "authority": fingerprint(STATE / "authority.pem"),
        "signs": fingerprint(folder / "authority.pem") if folder else "",
        "good": good(),
        "ray": found[0] if found else "",
        "python": platform.python_version(),
    }


def request() -> dict[str, object]:
    """Return a request to sign this host's public key, which is made where there is none."""
    key = STATE / "key.pem"
    if not own():
        write(key, openssl(*KEY))
        write(STATE / "machine", machine())
    return {"request": openssl("req", "-new", "-key", str(key), "-subj", "/CN=gpurig ray node")}


def founded(folder: Path) -> None:
    """Make the authority and the token of a cluster, where there are none."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / "authority.pem").is_file():
        key = openssl(*KEY)
        with tempfile.TemporaryDirectory(dir=str(folder)) as work:
            (Path(work) / "config").write_text(AUTHORITY, encoding="ascii")
            write(Path(work) / "key", key)
            words = ("-x509", "-new", "-key", f"{work}/key", "-config", f"{work}/config", "-days", str(DAYS))
            certificate = openssl("req", *words)
        write(folder / "authority-key.pem", key)
        write(folder / "authority.pem", certificate)  # last: it says that both are there
    if not (folder / "token").is_file():
        write(folder / "token", secrets.token_hex(32))


def sign(folder: Path, address: str, asked: str) -> dict[str, object]:
    """Return what lets a host in at an address: a certificate for its key, the authority's own, and the token."""
    wanted = ipaddress.ip_address(address)
    founded(folder)
    authority = folder / "authority.pem"
    with tempfile.TemporaryDirectory(dir=str(folder)) as work:
        (Path(work) / "names").write_text(NODE.format(address=wanted), encoding="ascii")
        by = ("-CA", str(authority), "-CAkey", str(folder / "authority-key.pem"))
        kind = ("-set_serial", hex(secrets.randbits(120)), "-days", str(DAYS), "-extfile", f"{work}/names")
        certificate = openssl("x509", "-req", *by, *kind, text=asked)
    return {
        "certificate": certificate,
        "authority": authority.read_text(encoding="ascii"),
        "token": (folder / "token").read_text(encoding="ascii"),
    }


def join(given: dict[str, str]) -> dict[str, object]:
    """Keep what the head has given; what the host was before stays where it does not fit."""
    role, address, head = given["role"], given["address"], given["head"]
    if role not in ROLES:
        raise Wrong(f"there is no role {role!r}")
    addresses = [str(ipaddress.ip_address(word)) for word in (address, head)]
    key = (STATE / "key.pem").read_text(encoding="ascii")
    if public_key(given["certificate"], "x509") != public_key(key, "pkey"):
        raise Wrong("the certificate is for another key than this host's")
    for name in ("certificate", "authority"):
        write(STATE / f"{name}.pem", given[name])
    write(STATE / "token", given["token"])
    write(STATE / "node.env", "ROLE={}\nADDRESS={}\nHEAD={}\n".format(role, *addresses))
    return show()


def main(words: list[str]) -> dict[str, object]:
    """Answer one call."""
    verb, *rest = words or [""]
    if verb == "show" and len(rest) < 2:
        return show(*map(Path, rest))
    if verb == "request" and not rest:
        return request()
    if verb == "sign" and len(rest) == 2:
        return sign(Path(rest[0]), rest[1], sys.stdin.read())
    if verb == "join" and not rest:
        return join(json.loads(sys.stdin.read()))
    raise Wrong("usage: node.py show [FOLDER] | request | sign FOLDER ADDRESS | join")


if __name__ == "__main__":
    try:
        print(json.dumps(main(sys.argv[1:])))
    except (Wrong, OSError, ValueError, KeyError) as error:
        sys.exit(f"node.py: {error if not isinstance(error, KeyError) else f'{error} is missing'}")
