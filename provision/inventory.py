"""Which hosts to work on: `-H`, a hosts file, or the outputs of the Pulumi stack."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision.errors import BadInput, NoHosts
from provision.platforms import NO_GPU, gpus, images
from provision.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

OUTPUT = "gpurig"
VERSION = 1
HOSTS_FILE = "hosts.toml"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Host:
    """One machine to provision, wherever it came from."""

    name: str
    address: str
    user: str = "ubuntu"
    port: int = 22
    target: Target | None = None
    """What to render for; None: to be read from the machine itself."""
    recipe: str = "digits"
    """The recipe that the host is for: what `fab setup` installs."""
    instance_id: str = ""
    """EC2 instance, whose console vouches for the host key; "" for a machine that the user's known_hosts knows."""
    region: str = ""
    instance_type: str = ""
    price_per_hour: float | None = None
    """USD, on demand."""
    ports: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_document(cls, row: Mapping[str, Any]) -> Host:
        """Read one host of the stack's output document (`infra/outputs.py` writes it)."""
        return cls(
            name=row["name"],
            address=row["address"],
            user=row["user"],
            port=row["port"],
            target=Target.from_document(row["target"]),
            recipe=row["recipe"],
            instance_id=row["instanceId"],
            region=row["region"],
            instance_type=row["instanceType"],
            price_per_hour=row["pricePerHour"],
            ports=row["ports"],
        )

    def __str__(self) -> str:
        """Return the host as messages name it."""
        return self.address if self.name == self.address else f"{self.name} ({self.address})"


def from_outputs(document: Mapping[str, Any]) -> list[Host]:
    """Return the hosts of a stack's `gpurig` output. Raises `BadInput` for a version that this gpurig cannot read."""
    if document.get("version") != VERSION:
        found = document.get("version")
        raise BadInput([f'the stack output "{OUTPUT}" has version {found}; this gpurig reads version {VERSION}'])
    return [Host.from_document(row) for row in document["hosts"]]


def from_stack() -> list[Host]:
    """Return the hosts of the selected Pulumi stack. Raises `NoHosts` when there is none, with what to do."""
    command = ["pulumi", "stack", "output", OUTPUT, "--json", "--non-interactive"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        hint = "install the Pulumi CLI and run `pulumi up`, or name a machine: `fab -H user@host …`"
        raise NoHosts("no `pulumi` on PATH, and no host was given", hint=hint) from error
    if answer.returncode:
        said = answer.stderr.strip() or answer.stdout.strip()
        hint = "run `pulumi up` first (`pulumi stack select` picks the stack), or name a machine: `fab -H user@host …`"
        raise NoHosts(f"the Pulumi stack gives no hosts: {said}", hint=hint)
    return from_outputs(json.loads(answer.stdout))


_HOST_KEYS = {"address", "user", "port", "image", "gpu", "compute", "mount_point", "recipe"}
_SHARED_KEYS = {"sources", "mirrors", "unpinned", "licences"}


def from_file(path: Path) -> list[Host]:
    """Return the hosts of a hosts file. Raises `BadInput` with everything that is wrong in it.

    The file has a table per host (`[host.NAME]`: address, user, port, image, gpu, compute, mount_point, recipe) and,
    for all of them, `sources`, `mirrors`, `unpinned` and `licences` as in the Pulumi configuration.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadInput([f"{path}: {error}"]) from error
    rows: dict[str, dict[str, Any]] = table.pop("host", {})
    problems = [
        *(
            f'{path}: unknown key "{k}"; allowed: host, {", ".join(sorted(_SHARED_KEYS))}'
            for k in table.keys() - _SHARED_KEYS
        ),
        *(
            f'{path}: unknown key "{key}" in [host.{name}]; allowed: {", ".join(sorted(_HOST_KEYS))}'
            for name, row in rows.items()
            for key in row.keys() - _HOST_KEYS
        ),
        *(f"{path}: [host.{name}] {problem}" for name, row in rows.items() for problem in _host_problems(row)),
    ]
    if not rows:
        problems.append(f"{path}: no [host.NAME] table in it")
    if problems:
        raise BadInput(sorted(problems))
    return [_file_host(name, row, table) for name, row in rows.items()]


def _host_problems(row: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the values of one host's table."""
    problems = [] if "address" in row else ["needs an address"]
    models = [NO_GPU, *gpus()]
    if row.get("gpu") not in models:
        problems.append(f'needs gpu = one of {", ".join(models)}; "{NO_GPU}" is never assumed')
    if row.get("image", "ubuntu-22.04") not in images():
        problems.append(f'image "{row["image"]}" is unknown; allowed: {", ".join(images())}')
    return problems


def _file_host(name: str, row: Mapping[str, Any], shared: Mapping[str, Any]) -> Host:
    image = row.get("image", "ubuntu-22.04")
    user = row.get("user", images()[image].user)
    model = row["gpu"]
    compute = row.get("compute", gpus()[model].compute if model != NO_GPU else Target.compute)
    where = {"mount_point": row["mount_point"]} if "mount_point" in row else {}
    target = Target.from_document({"image": image, "gpu": model, "compute": compute, "user": user, **where, **shared})
    recipe = row.get("recipe", Host.recipe)
    return Host(name=name, address=row["address"], user=user, port=row.get("port", 22), target=target, recipe=recipe)


def load() -> list[Host]:
    """Return the hosts to work on when none was named on the command line.

    That is the hosts file named by $GPURIG_HOSTS, else `hosts.toml` here if there is one, else the Pulumi stack.
    """
    named = os.environ.get("GPURIG_HOSTS")
    path = Path(named or HOSTS_FILE)
    hosts = from_file(path) if named or path.exists() else from_stack()
    if not hosts:
        raise NoHosts("the Pulumi stack has no hosts", hint="`pulumi up` creates one")
    return hosts


def named(address: str, *, user: str, port: int) -> Host:
    """Return the host that `-H` names: the one of the hosts file with that name or address, else a bare machine."""
    path = Path(os.environ.get("GPURIG_HOSTS") or HOSTS_FILE)
    for host in from_file(path) if path.exists() else ():
        if address in (host.name, host.address):
            return host
    return Host(name=address, address=address, user=user, port=port)
