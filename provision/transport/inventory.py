"""Which hosts to work on: `-H`, a hosts file, or the Pulumi stack."""

from __future__ import annotations

import dataclasses
import tomllib
from typing import TYPE_CHECKING, Any

from provision.model import checks
from provision.model.access import JUMP
from provision.model.errors import BadInput, NoHosts
from provision.model.host import KEYS, Host
from provision.model.platforms import AUTO, NO_GPU, gpus, images
from provision.model.project import hosts_file
from provision.model.ranges import RANGES
from provision.model.schema import ANY, STRING, mismatches, plain
from provision.model.target import SCHEMA, Target
from provision.transport import ssh_config, stack, whereabouts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_HOST: dict[str, Any] = {
    "address": checks.ADDRESS,
    "recipe": checks.NAME,
    "port": checks.PORT,
    "image": STRING,
    "gpu": ANY,  # a wrong one gets the list of what there is, as none at all does: `_gpu_problems`
    **{key: SCHEMA[key] for key in ("user", "ui_port", "compute", "mount_point")},
    "allow": checks.Kind(RANGES.allowed, lambda value: bool(value) and RANGES.holds(value)),
    "jump": JUMP,
    "inner": checks.IP,
    "keys": KEYS,
}
_SHARED: dict[str, Any] = {
    "sources": {"*": checks.WORD},
    **{key: SCHEMA[key] for key in ("mirrors", "unpinned", "licences", "builders", "builds", "builds_account")},
}


def from_file(path: Path) -> list[Host]:
    """Return the hosts of a hosts file. Raises `BadInput` with everything that is wrong in it.

    The file has a table per host (`[host.NAME]`: address, user, port, image, gpu, compute, mount_point, recipe; allow
    and ui_port for its firewall; jump, a machine to go through; inner, the IP address where the other hosts reach it,
    and from which their firewalls let it in; keys, public keys that log in) and, for all of them, `sources`,
    `mirrors`, `unpinned`, `licences`, `builders`, `builds` and `builds_account` as in the Pulumi configuration.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # not there, not UTF-8, not TOML
        raise BadInput([f"{path}: {error}"]) from error
    problems = mismatches(table, {"host": {"*": {"*": ANY}}, **_SHARED})
    found = table.pop("host", {})
    rows = {name: row for name, row in found.items() if isinstance(row, dict)} if isinstance(found, dict) else {}
    if not rows:
        problems.append("no [host.NAME] table in it: begin each host with a name of your own, such as [host.trainer]")
    problems += [problem for name, row in rows.items() for problem in _host_problems(name, row)]
    if problems:
        raise BadInput(sorted(f"{path}: {problem}" for problem in problems))
    inner = {name: row["inner"] for name, row in rows.items() if "inner" in row}
    return [
        _file_host(name, row, {**table, "peers": [inner[other] for other in inner if other != name]})
        for name, row in rows.items()
    ]


def _host_problems(name: str, row: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with one host's table."""
    allowed = ", ".join(sorted(_HOST))
    known = {key: value for key, value in row.items() if key in _HOST}
    problems = mismatches(known, _HOST)
    if not checks.MACHINE.holds(name):
        problems.append(f"has to be called by {checks.MACHINE.allowed}")
    if "address" not in row:
        problems.append("needs an address")
    problems += _gpu_problems(row)
    image = row.get("image", Target.image)
    if isinstance(image, str) and image not in images():
        problems.append(f'image "{plain(image)}" is unknown; allowed: {", ".join(images())}')
    return [
        *(
            f'unknown key "{plain(key)}" in [host.{plain(name)}]; allowed: {allowed}'
            for key in row.keys() - known.keys()
        ),
        *(f"[host.{plain(name)}] {problem}" for problem in problems),
    ]


def _gpu_problems(row: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with what a host's table says of its GPU."""
    gpu = row.get("gpu")
    if gpu == AUTO and "compute" in row:
        return [f'"compute" cannot stand beside gpu = "{AUTO}", which finds it: name the card, or leave it out']
    if gpu in (AUTO, NO_GPU, *gpus()) or (checks.GPU.holds(gpu) and "compute" in row):
        return []
    allowed = f'one of {AUTO} (what the machine shows), {", ".join([NO_GPU, *gpus()])}; "{NO_GPU}" is never assumed'
    other = 'any other card goes by its name and its compute capability, such as compute = "12.0"'
    return [f"needs gpu = {allowed}; {other}"]


def _file_host(name: str, row: Mapping[str, Any], shared: Mapping[str, Any]) -> Host:
    image = row.get("image", Target.image)
    user = row.get("user", images()[image].user)
    model = row["gpu"]
    compute = row.get("compute", gpus()[model].compute if model in gpus() else Target.compute)
    given = {key: row[key] for key in ("mount_point", "allow", "ui_port") if key in row}
    target = Target.from_document({"image": image, "gpu": model, "compute": compute, "user": user, **given, **shared})
    recipe = row.get("recipe", Host.recipe)
    reach = {"jump": row.get("jump", ""), "keys": tuple(row.get("keys", ()))}
    address = row["address"]
    login = {"address": address, "inner": row.get("inner", address), "user": user, "port": row.get("port", 22)}
    return Host(name=name, target=target, recipe=recipe, **login, **reach)


def load(tell: Callable[[str], None]) -> list[Host]:
    """Return the hosts to work on when none was named on the command line.

    That is the hosts file named by $GPURIG_HOSTS, else the project's `hosts.toml`, else the Pulumi stack. `tell` hears
    of boxes of the stack that should be there and are not. The stack's file below ~/.ssh follows. Raises `BadInput` and
    `NoHosts`.
    """
    if path := hosts_file():
        return from_file(path)
    found = stack.find()
    if not found.hosts:
        hint = "\n".join(found.left_out) or "`pulumi up` creates one"
        raise NoHosts("the Pulumi stack has no hosts", hint=hint)
    for line in found.left_out:
        tell(line)
    for host in map(whereabouts.known, found.hosts):
        ssh_config.follow(host, host.address, asked=False)
    return found.hosts


def named(address: str, *, user: str | None, port: int | None) -> Host:
    """Return the host that `-H` names: the one of the hosts file with that name or address, else a bare machine.

    A user or port that was given goes before the file's; None: not given. Raises `BadInput`.
    """
    given = {"address": address, "user": user or Host.user, "port": port or Host.port}
    if problems := mismatches(given, {"address": checks.ADDRESS, "user": checks.USER, "port": checks.PORT}):
        raise BadInput((f"-H: {problem}" for problem in problems), hint="fab -H USER@HOST:PORT TASK")
    path = hosts_file()
    known = (host for host in (from_file(path) if path else ()) if address in (host.name, host.address))
    host = next(known, Host(name=address, address=address, inner=address))
    user = user or host.user
    target = host.target and dataclasses.replace(host.target, user=user)
    return dataclasses.replace(host, user=user, port=port or host.port, target=target)
