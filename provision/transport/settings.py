"""The settings of the selected Pulumi stack, and Pulumi run for the user: all that changes something there is here.

`fab` never sees Pulumi's modules. `pulumi config --json` has what the stack's file sets and what Pulumi.yaml gives by
default; without a stack there are the environment and what the user types.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from provision.model import aws_settings
from provision.model.checks import whole_of
from provision.model.errors import BadInput, GpurigError
from provision.model.project import project_folder, project_name
from provision.model.schema import plain
from provision.transport.pulumi_cli import finished, said

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NAMESPACE = "gpurig"


@dataclasses.dataclass(frozen=True, kw_only=True)
class StackSettings:
    """What is set, as text, by whole key ("gpurig:hosts", "aws:region")."""

    values: Mapping[str, str]
    missing: str = ""
    """Why there is no stack, in Pulumi's words; "" where there is one."""

    def get(self, key: str, default: str = "") -> str:
        """Return a setting of gpurig's namespace; empty text counts as not set."""
        return self.values.get(f"{NAMESPACE}:{key}", "") or default

    def is_on(self, key: str) -> bool:
        """Return a switch."""
        return self.get(key) == "true"

    def names(self, key: str) -> tuple[str, ...]:
        """Return a list, or names with commas between them. Raises `BadInput` for broken JSON."""
        text = self.get(key)
        found = _loaded(key, text, list) if text.startswith("[") else [part.strip() for part in text.split(",")]
        return tuple(filter(None, found))

    def table(self, key: str) -> dict[str, str]:
        """Return an object of texts. Raises `BadInput` where it is none."""
        text = self.get(key, "{}")
        found: dict[str, str] = _loaded(key, text, dict)
        return found

    @property
    def profile(self) -> str:
        """How the AWS account is reached (`model/aws_settings.py`); "": as the environment says. Raises `BadInput`."""
        found, problems = aws_settings.read(
            {key.removeprefix("aws:"): text for key, text in self.values.items() if key.startswith("aws:")}
        )
        if problems:
            raise BadInput(problems)
        return aws_settings.reach(found)

    @property
    def region(self) -> str:
        """The region, as the AWS provider reads it: the stack's, else the environment's, else ""."""
        return self.values.get("aws:region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION", "")


def _loaded(key: str, text: str, kind: type[dict[str, str] | list[str]]) -> Any:
    """Return a list or an object whose values are texts. Raises `BadInput` for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    values = found.values() if isinstance(found, dict) else found if isinstance(found, list) else []
    if isinstance(found, kind) and all(isinstance(value, str) for value in values):
        return found
    shape = "a JSON object of texts" if kind is dict else "a JSON list of texts, or names with commas between them"
    ways = f"pulumi config rm {NAMESPACE}:{key} takes it out; docs/settings.md has an example"
    raise BadInput([f'{NAMESPACE}:{key}: "{plain(text)}" has to be {shape}'], hint=ways)


def read() -> StackSettings:
    """Ask Pulumi for the settings of the selected stack; where there is no Pulumi or no stack there are none."""
    try:
        answer = finished("config", "--json", "--non-interactive")
    except FileNotFoundError:
        return StackSettings(values={}, missing="there is no `pulumi` on PATH")
    if answer.returncode:
        text = said(answer).removeprefix("error: ")
        return StackSettings(values={}, missing=text.partition("\n")[0] or "`pulumi config` failed")
    rows = json.loads(answer.stdout)
    # Of a secret there is no value; none of what is asked for here is one.
    found = {key: row.get("value") for key, row in rows.items() if isinstance(row, dict)}
    return StackSettings(values={key: value for key, value in found.items() if value is not None})


def required() -> StackSettings:
    """Return the settings of the selected stack. Raises `GpurigError` where there is none, with what to do."""
    found = read()
    if found.missing:
        hint = "install the Pulumi CLI, and pick a stack: pulumi stack select NAME --create"
        raise GpurigError(f"there is no Pulumi stack to work with: {found.missing}", hint=hint)
    return found


def output_of(*words: str) -> str:
    """Return what `pulumi` prints; "" where it fails, or there is none."""
    try:
        answer = finished(*words)
    except FileNotFoundError:
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def names() -> tuple[str, str]:
    """Return the names of the project and of the selected stack. Raises `GpurigError` where Pulumi tells none."""
    stack = output_of("stack", "--show-name").rpartition("/")[2]
    project = project_name()
    if not (stack and project):
        raise GpurigError("Pulumi does not name its stack", hint="in the project's folder: pulumi stack select NAME")
    return project, stack


def leaves_snapshot(volume_id: str) -> bool:
    """Tell whether Pulumi, by the state it has, takes a snapshot of a volume when it destroys it."""
    state = json.loads(output_of("stack", "export") or "{}").get("deployment", {})
    rows = [row for row in state.get("resources") or () if row.get("id") == volume_id]
    return any((row.get("inputs") or {}).get("finalSnapshot") is True for row in rows)


class Kept:
    """The stack's own file, as it was: `pulumi config set` writes it, and `restore` puts it back to the byte."""

    def __init__(self) -> None:
        """Read it. Raises `GpurigError` where Pulumi does not name the stack."""
        self._file: Path = project_folder() / f"Pulumi.{names()[1]}.yaml"
        self._before = self._file.read_bytes() if self._file.exists() else None

    def restore(self) -> None:
        """Put it back."""
        if self._before is None:
            self._file.unlink(missing_ok=True)
        elif self._file.read_bytes() != self._before:
            self._file.write_bytes(self._before)


def change(values: Mapping[str, str]) -> None:
    """Set settings of gpurig's namespace; empty text takes one out of the stack's file. Raises `GpurigError`."""
    for key, value in values.items():
        words = ("set", f"{NAMESPACE}:{key}", value) if value else ("rm", f"{NAMESPACE}:{key}")
        answer = finished("config", *words)
        if answer.returncode:
            raise GpurigError(f"`pulumi config {' '.join(words)}` failed: {answer.stderr.strip()}")


def run(*words: str, heard: Callable[[str], None] | None = None) -> int:
    """Run `pulumi` for the user, who sees what it prints as it comes; returns its exit code.

    `heard` gets each line as well; then Pulumi writes to a pipe, and asks nothing. Ctrl-C reaches `pulumi` too, which
    ends in its own time: killed in the middle of an update, it would lose sight of what it has made.
    `KeyboardInterrupt` comes after it. Raises `GpurigError` where there is no `pulumi`.
    """
    pipe = subprocess.PIPE if heard else None
    try:
        process = subprocess.Popen(
            ["pulumi", *words],
            cwd=project_folder(),
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL if heard else None,
            stdout=pipe,
            stderr=subprocess.STDOUT if heard else None,
        )
    except FileNotFoundError as error:
        hint = "install the Pulumi CLI: the boxes belong to its stack"
        raise GpurigError("no `pulumi` on PATH", hint=hint) from error
    stopped = False
    with process:
        while process.returncode is None:
            try:
                if heard and process.stdout:
                    for line in process.stdout:
                        print(line, end="", flush=True)
                        heard(line.rstrip("\n"))
                process.wait()
            except KeyboardInterrupt:
                stopped = True
    if stopped:
        raise KeyboardInterrupt
    return process.returncode


def whole_number(settings: StackSettings, key: str, default: int) -> int:
    """Return a setting that is a whole number. Raises `BadInput` for one that is not."""
    text = settings.get(key, str(default))
    if (number := whole_of(text)) is None:
        raise BadInput(
            [f'{NAMESPACE}:{key}: "{plain(text)}" has to be a whole number'], hint="pulumi preview says all of it"
        )
    return number
