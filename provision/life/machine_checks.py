"""What of a first `pulumi up` depends on this machine: programs, the stack, the key, the address."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from provision.life.doctor import error, ok, warning
from provision.model import caller, laptop
from provision.model.access import SSM
from provision.model.identity import STASHES
from provision.model.project import project_folder
from provision.model.public_key import read_public_key
from provision.transport import settings as stack_settings
from provision.transport.session_manager import PLUGIN, PROGRAMS

if TYPE_CHECKING:
    from provision.life.doctor import Finding
    from provision.transport.settings import StackSettings

_CGNAT = ipaddress.IPv4Network("100.64.0.0/10")
"""What providers give to customers who share an address (RFC 6598); some VPNs use it, too."""
_VPN = re.compile(r"(tun|tap|wg|ppp|utun|ipsec|tailscale|zt|nordlynx|proton)[a-z0-9_-]*")
_INTERFACE = re.compile(r"^(?:\d+: )?([A-Za-z0-9_.@-]+?)(?:@[^:]+)?:? ", re.MULTILINE)
_PASSPHRASE = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
_INSTALL = "install the Pulumi CLI: https://www.pulumi.com/docs/install/"


def cli() -> Finding:
    """Check the Pulumi CLI, and its version against the SDK that the program is written for."""
    found = stack_settings.output_of("version").removeprefix("v")
    wanted = metadata.version("pulumi")
    if not found:
        return error("there is no `pulumi` that answers on PATH", _INSTALL)
    if _numbers(found)[:1] != _numbers(wanted)[:1]:
        return error(f"Pulumi CLI {found}, and the program is made for {wanted}", _INSTALL)
    if _numbers(found) < STASHES:
        least = ".".join(map(str, STASHES))
        return error(f"Pulumi CLI {found} knows no stash, in which a stack keeps who it is: {least} or later", _INSTALL)
    if _numbers(found) < _numbers(wanted):
        return warning(f"Pulumi CLI {found} is older than its SDK here, {wanted}", _INSTALL)
    return ok(f"Pulumi CLI {found}")


def plugin() -> Finding:
    """Check that the AWS plugin of the SDK's version is there."""
    wanted = metadata.version("pulumi-aws")
    if beside := shutil.which("pulumi-resource-aws"):
        return ok(f"AWS plugin on PATH: {beside}")
    rows = json.loads(stack_settings.output_of("plugin", "ls", "--json") or "[]")
    versions = [row.get("version") for row in rows if row.get("name") == "aws"]
    if wanted in versions:
        return ok(f"AWS plugin {wanted}")
    there = f", there is {', '.join(map(str, versions))}" if versions else ""
    mend = f"pulumi up fetches it, or: pulumi plugin install resource aws {wanted}"
    return warning(f"AWS plugin {wanted} is not installed yet{there}", mend)


def stack(found: StackSettings) -> Finding:
    """Check that a stack is selected, and that its passphrase is at hand where it has one."""
    if found.missing:
        return error(f"no stack: {found.missing}", "pulumi login --local; pulumi stack select dev --create")
    project, name = stack_settings.names()
    file = project_folder() / f"Pulumi.{name}.yaml"
    salted = file.exists() and "encryptionsalt:" in file.read_text(encoding="utf-8")
    if salted and not any(variable in os.environ for variable in _PASSPHRASE):
        mend = (
            f"pulumi asks for it each time; export {' or '.join(_PASSPHRASE)} saves that. A lost one cannot be had back"
        )
        return warning(f"stack {name} of {project}: its passphrase is not in the environment", mend)
    return ok(f"stack {name} of {project}")


def tools(found: StackSettings) -> Finding:
    """Check the programs that `fab` starts."""
    if found.get("access") == SSM and (lacking := [name for name in PROGRAMS if not shutil.which(name)]):
        return error(f"there is no {', '.join(lacking)}, which gpurig:access {SSM} goes through", PLUGIN)
    lacking = [name for name in laptop.used() if not shutil.which(name)]
    mend = laptop.install(lacking)
    if {"ssh", "ssh-keygen"} & {*lacking}:
        return error(f"there is no {', '.join(lacking)}", mend)
    if lacking:
        return warning(f"there is no {', '.join(lacking)}: fab sync and a few others need it", mend)
    return ok(f"{', '.join(laptop.used())} are there")


def key(found: StackSettings) -> Finding:
    """Check the public key that logs in, and that the private one is beside it."""
    value = found.get("sshPublicKey", "~/.ssh/id_ed25519.pub")
    try:
        read_public_key(value)
    except ValueError as wrong:
        return error(f"gpurig:sshPublicKey: {wrong}", "ssh-keygen -t ed25519; pulumi config set gpurig:sshPublicKey …")
    for more in found.names("sshKeys"):
        try:
            read_public_key(more)
        except ValueError as wrong:
            return error(f"gpurig:sshKeys: {wrong}", "fab keys --remove it; docs/lab.md")
    if value.startswith(("ssh-", "sk-", "ecdsa-")):
        return ok("an ed25519 public key, in the settings themselves")
    path = Path(os.path.expandvars(value)).expanduser()
    private = path.with_suffix("")
    if path.suffix == ".pub" and not private.exists():
        return warning(
            f"{path} is there, and no {private} beside it", "an agent has to hold the private key: ssh-add -l"
        )
    return ok(f"{path}")


def address(found: StackSettings) -> Finding:
    """Check how the world sees this machine, who else may come from there, and whether the settings let it in."""
    ranges = [cidr for cidr in found.names("allowedCidrs") if cidr != "auto"]
    if wrong := [cidr for cidr in ranges if not _is_range(cidr)]:
        allowed = "it has to be auto, or IPv4 ranges without bits set beyond the prefix"
        mend = "pulumi config set gpurig:allowedCidrs 203.0.113.7/32, with your own address, or 203.0.113.0/24"
        return error(f"gpurig:allowedCidrs: {', '.join(wrong)}: {allowed}", mend)
    try:
        own, *others = [caller.caller_address(url) for url in caller.services()]
    except ValueError as unknown:
        mend = "IPv6 alone will not do: a box has an IPv4 address. pulumi config set gpurig:allowedCidrs 203.0.113.7/32"
        return error(str(unknown), mend)
    mend = "pulumi config set gpurig:allowedCidrs …, with the range that you come from; after a move: pulumi up"
    if any(other != own for other in others):
        return warning(f"you are {own} for one service and {', '.join(others)} for another: your address changes", mend)
    if ranges and len(ranges) == len(found.names("allowedCidrs")):
        mine = ipaddress.IPv4Network(own)
        if not any(mine.subnet_of(ipaddress.IPv4Network(cidr)) for cidr in ranges):
            return warning(f"gpurig:allowedCidrs lets in {', '.join(ranges)}, and you are {own}", mend)
    if shared := _shared():
        return warning(f"{own}, and {shared}", mend)
    return ok(own)


def _is_range(text: str) -> bool:
    try:
        ipaddress.IPv4Network(text)
    except ValueError:
        return False
    return True


def _shared() -> str:
    """Return what an interface of this machine says of the way out, "" where it says nothing."""
    for name, text in _interfaces():
        if ipaddress.IPv4Address(text) in _CGNAT:
            return f"{name} has {text}: a provider's address for customers who share one, or a VPN's"
        if _VPN.fullmatch(name):
            return f"{name} looks like a VPN: without it you come from elsewhere"
    return ""


def _interfaces() -> list[tuple[str, str]]:
    """Return the IPv4 addresses of this machine with their interfaces, as `ip` or `ifconfig` tells them."""
    for command in (["ip", "-4", "-o", "addr"], ["ifconfig"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            continue
        return interfaces_in(done.stdout)
    return []


def interfaces_in(text: str) -> list[tuple[str, str]]:
    """Read what `ip -o` (a line each) or `ifconfig` (a paragraph each) prints."""
    found, name = [], ""
    for line in text.splitlines():
        if (match := _INTERFACE.match(line)) and not line[0].isspace():
            name = match[1]
        found += [(name, address) for address in re.findall(r"\binet (\d+\.\d+\.\d+\.\d+)", line)]
    return found


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("-")[0])[:3])
