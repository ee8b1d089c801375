"""The hosts of a Pulumi stack, out of its state: it has what was made, whatever became of the rest.

The stack's outputs will not do: a `pulumi up` that failed leaves those of the last one that did not, or none.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision.model.access import PUBLIC
from provision.model.checks import STACK
from provision.model.errors import BadInput, NoHosts
from provision.model.host import BOX, VERSION, Host, row_of
from provision.model.identity import in_state
from provision.model.project import PROJECT_FILES, project_folder
from provision.model.schema import plain
from provision.model.tags import GENERATION
from provision.transport.pulumi_cli import finished, said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provision.model.identity import Identity

    Resource = Mapping[str, Any]
    """As the state has it."""

_REFUSED = (
    "what gpurig takes for a setting now, docs/settings.md says: pulumi config set gpurig:KEY VALUE, then `pulumi up`\n"
    "a mount point or user is the box's since its birth: with another gpurig:generation it gets the new one"
)
_INSTANCE, _VOLUME = "aws:ec2/instance:Instance", "aws:ebs/volume:Volume"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What a stack's state says of its boxes."""

    hosts: list[Host]
    """Those that have an instance."""
    left_out: list[str]
    """What else there is to know, a line each: boxes without an instance, and instances that are no box's any more."""


def find() -> Found:
    """Ask Pulumi for the selected stack.

    Raises `NoHosts` when there is none, with what to do, and `BadInput` for a state that this gpurig cannot read.
    """
    try:
        # Needs no passphrase: secrets stay encrypted, and no host has any.
        answer = finished("stack", "export", "--non-interactive")
    except FileNotFoundError as error:
        hint = "install the Pulumi CLI and run `pulumi up`, or name a machine: `fab -H user@host …`"
        raise NoHosts("no `pulumi` on PATH, and no host was given", hint=hint) from error
    if answer.returncode:
        hint = "run `pulumi up` first (`pulumi stack select` picks the stack), or name a machine: `fab -H user@host …`"
        if not any((project_folder() / name).is_file() for name in PROJECT_FILES):
            here = shlex.quote(str(Path.cwd()))
            hint += f"\n{here} is in no project of gpurig: run fab in the project's folder, as in: fab sync {here}"
        raise NoHosts(f"the Pulumi stack gives no hosts: {said(answer)}", hint=hint)
    try:
        deployment = json.loads(answer.stdout)["deployment"]
    except (ValueError, LookupError, TypeError) as error:
        raise _unreadable(error) from error
    return found(deployment)


def identity() -> Identity | None:
    """Return who the selected stack is; None before its first `pulumi up`, and after a `pulumi destroy`.

    Raises `NoHosts` where Pulumi does not give its state.
    """
    answer = finished("stack", "export", "--non-interactive")
    if answer.returncode:
        raise NoHosts(f"the Pulumi stack gives no state: {said(answer)}", hint="pulumi stack select picks the stack")
    return in_state(json.loads(answer.stdout)["deployment"])


def found(deployment: Mapping[str, Any]) -> Found:
    """Return what a state, `deployment` of `pulumi stack export`, says of its boxes. Raises `BadInput`."""
    try:
        return _found(deployment)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> BadInput:
    """Return the refusal of a state that is none, or is cut off: whoever may write there may have changed it."""
    said = f"{type(error).__name__}: {plain(error)}"
    hint = "`pulumi stack export` shows it, `pulumi up --refresh` writes it anew"
    return BadInput([f"the stack's state is not as Pulumi and gpurig write it ({said})"], hint=hint)


def _found(deployment: Mapping[str, Any]) -> Found:
    # What is marked `delete` has a successor; only its end did not come yet.
    resources = {row["urn"]: row for row in deployment.get("resources") or () if not row.get("delete")}
    boxes = sorted((_Box.of(row) for row in resources.values() if row["type"] == BOX), key=_Box.place)
    by_urn = {box.urn: box for box in boxes}
    for row in resources.values():
        if row["type"] in (_INSTANCE, _VOLUME) and (box := by_urn.get(_box_of(row, resources))):
            (box.instances if row["type"] == _INSTANCE else box.volumes).append(row)
    for operation in deployment.get("pending_operations") or ():
        if operation["type"] == "creating" and operation["resource"]["type"] == _INSTANCE:
            box = by_urn.get(_box_of(operation["resource"], resources))
            if box:
                box.cut_off = True
    hosts = [box.host(row) for box in boxes if (row := box.row())]
    return Found(hosts=hosts, left_out=[line for box in boxes for line in box.left_out()])


def _box_of(row: Resource, resources: Mapping[str, Resource]) -> str:
    """Return the URN of the box that a resource is in, "" where it is in none."""
    while row["type"] != BOX:
        parent = resources.get(row.get("parent", ""))
        if parent is None:
            return ""
        row = parent
    return str(row["urn"])


@dataclasses.dataclass(kw_only=True)
class _Box:
    """One box of the state, with what is below it there."""

    urn: str
    document: Mapping[str, Any]
    instances: list[Resource] = dataclasses.field(default_factory=list)
    volumes: list[Resource] = dataclasses.field(default_factory=list)
    cut_off: bool = False
    """A `pulumi up` was killed while EC2 made its instance."""

    @classmethod
    def of(cls, row: Resource) -> _Box:
        """Read a box. Raises `BadInput` for one that another version of gpurig has noted."""
        document = (row.get("inputs") or {}).get("document") or {}
        if document.get("version") != VERSION:
            name = plain(row["urn"].rpartition("::")[2])
            version = plain(document.get("version", "of before there was one"))
            problem = f'the stack\'s state describes "{name}" in version {version}; this gpurig reads version {VERSION}'
            raise BadInput([problem], hint="`pulumi up` brings it up to date; look at `pulumi preview` first")
        return cls(urn=row["urn"], document=document)

    @property
    def stack(self) -> str:
        """Project and stack, as its URN has them: urn:pulumi:STACK::PROJECT::TYPE::NAME."""
        stack, project = self.urn.removeprefix("urn:pulumi:").split("::")[:2]
        if not (STACK.holds(stack) and STACK.holds(project)):
            what = f'the stack\'s state has a box of project "{plain(project)}" and stack "{plain(stack)}"'
            raise BadInput([f"{what}: their names have to be {STACK.allowed}"])
        return f"{project}.{stack}"

    def place(self) -> list[str | int]:
        """Return by what boxes are sorted: box-2 before box-10."""
        parts = re.split("([0-9]+)", self.document["name"])
        return [int(part) if part.isdecimal() else part for part in parts]

    def row(self) -> dict[str, Any] | None:
        """Return the host's row, None where there is no instance."""
        if not self.instances:
            return None
        instance = self._instance()
        outputs = instance["outputs"]
        made = {
            "address": outputs.get("publicIp" if self.document.get("access", PUBLIC) == PUBLIC else "privateIp") or "",
            "innerAddress": outputs.get("privateIp") or "",
            "instanceId": instance["id"],
            "instanceType": outputs["instanceType"],
            "zone": outputs["availabilityZone"],
            "volumeId": self.volumes[0]["id"] if self.volumes else "",
        }
        return row_of({key: value for key, value in self.document.items() if key != "version"}, made, _tags(instance))

    def host(self, row: Mapping[str, Any]) -> Host:
        """Return the host of a row. Raises `BadInput` with the keys that are not as they have to be."""
        try:
            return Host.from_document(row, stack=self.stack)
        except BadInput as error:
            problems = [f'the stack\'s state says of "{plain(row.get("name"))}": {line}' for line in error.problems]
            raise BadInput(problems, hint=_REFUSED) from error

    def _instance(self) -> Resource:
        """Return the newest generation: while one box takes the place of another, the state has both."""
        return max(self.instances, key=lambda row: int(_tags(row).get(GENERATION, 0)))

    def left_out(self) -> Iterator[str]:
        """Yield what `row` does not say, and a user has to know."""
        name = plain(self.document["name"])
        again = "the last `pulumi up` or `pulumi destroy` did not get to its end; run it again"
        if self.cut_off:
            yield (
                f"{name}: a `pulumi up` was killed while EC2 made it: an instance may run, and be billed, that Pulumi "
                "does not know; `fab orphans` finds it, `pulumi refresh --clear-pending-creates` ends this line"
            )
        elif not self.instances:
            yield f"{name} was not made, or is gone: {again}"
        for row in self.instances:
            if row is not self._instance():
                yield f"{name} has another instance, {plain(row['id'])}, that is billed too: {again}"


def _tags(instance: Resource) -> Mapping[str, str]:
    return instance["outputs"].get("tags") or {}
