"""What a value may be that ends up in a script, a unit, a path or a command line: each kind is decided here, once.

The settings, hosts.toml, `-H`, the stack's state and the command line ask here, so that none of them is laxer than
another. What passes stands for itself wherever it goes: as one word of shell, of a unit, of an ssh_config, of a path.
"""

from __future__ import annotations

import ipaddress
import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Kind(NamedTuple):
    """A kind of value, which is a `Check` for tables too (`provision.model.schema`)."""

    allowed: str
    """What is allowed, to complete "has to be …"."""
    holds: Callable[[Any], bool]


def text(pattern: str, allowed: str) -> Kind:
    """Return the kind of text that a regular expression matches as a whole; of letters and digits, ASCII's alone."""
    compiled = re.compile(pattern, re.ASCII)
    return Kind(allowed, lambda value: isinstance(value, str) and bool(compiled.fullmatch(value)))


def none_or(kind: Kind) -> Kind:
    """Return the kind that may also be empty text, or not be there at all."""
    return Kind(f"{kind.allowed}, or nothing", lambda value: value in (None, "") or kind.holds(value))


def listed(kind: Kind, what: str) -> Kind:
    """Return the kind of a list of such values."""
    return Kind(what, lambda value: isinstance(value, list | tuple) and all(map(kind.holds, value)))


def table(key: Kind, value: Kind, what: str) -> Kind:
    """Return the kind of a table with such keys and values."""

    def holds(found: object) -> bool:
        return isinstance(found, dict) and all(key.holds(k) and value.holds(v) for k, v in found.items())

    return Kind(what, holds)


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0  # type: ignore[arg-type, operator]


NUMBER = Kind("a number, zero or more", _is_number)
# JSON may have brought a whole number as 4.0.
WHOLE = Kind("a whole number, zero or more", lambda value: _is_number(value) and int(value) == value)
PORT = Kind("a port number, 1 to 65535", lambda value: WHOLE.holds(value) and 0 < value < 65536)

BUILDER = text("ssh-ed25519 [A-Za-z0-9+/]{68}", "an ed25519 public key without a comment")
# No dots: a bucket's name is part of its host's, and those of S3 have certificates for one more label.
BUILDS = text(
    r"s3://[a-z0-9][a-z0-9-]{1,61}[a-z0-9](/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){0,6}/?",
    "the place of kept builds, s3://BUCKET/PREFIX, the bucket's name without dots",
)
ACCOUNT = text("[0-9]{12}", "the 12 digits of an AWS account")

USER = text(
    r"[A-Za-z_][A-Za-z0-9_.-]{0,31}",
    "the name of an account: letters, digits, _, . and -, beginning with a letter or _, 32 characters at most",
)
NAME = text(r"[a-z][a-z0-9-]{0,30}", "a name of a-z, 0-9 and -, beginning with a letter, 31 characters at most")
"""Of a box that Pulumi makes, which resources and tags are called by, and of a recipe."""
MACHINE = text(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}",
    "a name of letters, digits, dots, hyphens and underscores, beginning with a letter or digit",
)
"""Of a machine of one's own: also the name of a folder for what comes from it."""
STACK = text(r"[A-Za-z0-9_.-]{1,100}", "letters, digits, dots, hyphens and underscores, as Pulumi has it")
"""Of a stack or a project."""
RUN = text(r"[a-z0-9][a-z0-9-]{0,47}", "up to 48 small letters, digits and hyphens, and begins with no hyphen")
DATASET = text(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
    "up to 64 letters, digits, dots, hyphens and underscores, beginning with a letter or digit",
)
FOLDER = text(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}",
    "letters, digits, dots, hyphens and underscores, beginning with a letter or digit",
)
"""Of a folder that is synced, below the job volume's `work`."""
WORD = text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a word of letters, digits, dots, hyphens and underscores")
"""A licence, a source of a recipe, a type of instance."""
COMMAND = text(r"[ -~]{1,1000}", "a command on one line of ASCII, 1000 characters at most")
COMPUTE = text(r"[0-9]{1,2}\.[0-9]", 'a compute capability such as "7.5"')
GPU = text(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}", "the model of a GPU")
REGION = text(r"[a-z]{2,5}(-[a-z]+)+-[0-9]", "a region of AWS such as us-east-1")
# Their letters are EC2's; they become names of files and arguments here.
INSTANCE = text(r"i-[a-z0-9-]{1,63}", "the id of an instance (i-…)")
VOLUME = text(r"vol-[a-z0-9-]{1,63}", "the id of a volume (vol-…)")

_HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}", re.ASCII)
# A link-local address names its interface behind %, and Python takes anything there.
_ZONE = re.compile(r"[A-Za-z0-9._-]{1,15}", re.ASCII)


def _is_address(value: object) -> bool:
    if not isinstance(value, str):
        return False
    if _HOST_NAME.fullmatch(value):
        return True
    address, percent, zone = value.partition("%")
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return not percent or bool(_ZONE.fullmatch(zone))


ADDRESS = Kind("a host name or an IP address", _is_address)


def _is_ip(value: object) -> bool:
    try:
        return isinstance(value, str) and ipaddress.ip_address(value).compressed.partition("%")[1] == ""
    except ValueError:
        return False


IP = Kind("an IP address", _is_ip)
"""Without an interface behind %: it has to be good on every host."""

SYSTEM_FOLDERS = (
    *("bin", "boot", "dev", "efi", "etc", "home", "lib", "lib32", "lib64", "libx32", "lost+found", "nix", "opt"),
    *("proc", "root", "run", "sbin", "selinux", "snap", "sys", "tmp", "usr", "var"),
)
"""Folders of the root that belong to the system, to other people, or to whoever may write there.

A job volume is mounted, hides what was in its place and is given away to the account: below none of these may that be.
The list is of what may not be, and not of what may, for it is the closed one: FHS 3.0's folders and the few that
distributions add. A lab's own (/data, /scratch, /space) are its own choice, as is a folder below /mnt, /media and /srv.
"""
_PATH = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){1,6}", re.ASCII)


def _is_mount_point(value: object) -> bool:
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        return False
    first, *rest = value[1:].split("/")
    return first not in SYSTEM_FOLDERS and (bool(rest) or first != "srv")


MOUNT_POINT = Kind(
    "an absolute path of letters, digits, dots, hyphens and underscores that is no system folder and below none, "
    "such as /jobs, /data or /mnt/jobs",
    _is_mount_point,
)


def whole_of(word: str) -> int | None:
    """Return the whole number that a word of the command line is, None where it is none, or has ten digits or more."""
    return int(word) if re.fullmatch(r"[0-9]{1,9}", word, re.ASCII) else None


def port_of(word: str) -> int | None:
    """Return the port that a word of the command line names, None where it names none."""
    number = whole_of(word)
    return number if PORT.holds(number) else None
