"""A project, a stack and a small cloud in a folder, and the engine as a command.

The tests ask only what the Pulumi CLI does too. `PULUMI_UNDER_TEST=/path/to/pulumi` runs them against that CLI instead
(its language host beside it); what only the stand-in does then skips.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rehearsal.engine import install_shim

REAL = os.environ.get("PULUMI_UNDER_TEST")
standin_only = pytest.mark.skipif(REAL is not None, reason="says something of the stand-in engine alone")

_PRELUDE = """
import pulumi
from pulumi import ResourceOptions as Opts

class Thing(pulumi.CustomResource):
    def __init__(self, name, opts=None, **props):
        super().__init__("lab:index:Thing", name, {"serial": None, **props}, opts)

class Group(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("lab:index:Group", name, None, opts)

class Provider(pulumi.ProviderResource):
    def __init__(self, name, opts=None, **props):
        super().__init__("lab", name, props, opts)

def echo(opts=None, **args):
    return pulumi.runtime.invoke("lab:index:echo", args, opts).value

"""


@dataclasses.dataclass(frozen=True)
class Result:
    """What a command printed, on both streams, and its exit code."""

    code: int
    text: str

    @property
    def counts(self) -> dict[str, int]:
        """The last "Resources:" block, by the word that each line ends with ("created", "unchanged", …)."""
        block = self.text.rpartition("Resources:\n")[2].split("\n\n")[0]
        pairs = re.findall(r"(\d+) (?:to )?(\w+)", re.sub(r"\d+ changes\b\.?", "", block))
        return {word: int(number) for number, word in pairs}


class Lab:
    """One project with its stack ``dev``."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.project = home / "project"
        self.cloud = home / "cloud"
        self.state_file = home / "backend" / ".pulumi" / "stacks" / "proj" / "dev.json"
        for folder in (self.project, self.cloud, home / "backend", home / "bin"):
            folder.mkdir()
        plugin = home / "bin" / "pulumi-resource-lab"
        provider = Path(__file__).with_name("lab_provider.py")
        plugin.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{provider}" "$@"\n')
        plugin.chmod(0o755)
        command = Path(REAL) if REAL else install_shim(home / "bin")
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PULUMI")}
        self.environment = {
            # A test rewrites its program within a second, which a cached byte code of the same size would hide.
            "PYTHONDONTWRITEBYTECODE": "1",
            **kept,
            "PATH": f"{home / 'bin'}:{command.parent}:{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": f"file://{home / 'backend'}",
            "PULUMI_HOME": str(home / "pulumi-home"),
            "PULUMI_CONFIG_PASSPHRASE": "correct horse",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "LAB_DIR": str(self.cloud),
        }
        self.describe()
        self.program("")

    def describe(self, more: str = "") -> None:
        """Write Pulumi.yaml, with more at its end."""
        runtime = f"runtime: {{name: python, options: {{virtualenv: {sys.prefix}}}}}"
        (self.project / "Pulumi.yaml").write_text(f"name: proj\n{runtime}\n{more}")

    def program(self, body: str) -> None:
        """Write the program."""
        (self.project / "__main__.py").write_text(_PRELUDE + body)

    def start(self, *words: str, **environment: str | None) -> subprocess.Popen[str]:
        """Start a command; a variable that is None is taken out of its environment."""
        merged = {**self.environment, **environment}
        return subprocess.Popen(
            ["pulumi", *words],
            cwd=self.project,
            env={k: v for k, v in merged.items() if v is not None},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, code: int = 0, **environment: str | None) -> Result:
        """Run a command, which has to end with `code`."""
        process = self.start(*words, **environment)
        text, _ = process.communicate(timeout=120)
        assert process.returncode == code, text
        return Result(process.returncode, text)

    def on_terminal(self, *words: str, typed: str, code: int = 0) -> str:
        """Run a command on a terminal where `typed` is typed; it has to end with `code`. Returns what was shown."""
        ours, theirs = pty.openpty()
        os.write(ours, typed.encode())
        process = subprocess.Popen(
            ["pulumi", *words], cwd=self.project, env=self.environment, stdin=theirs, stdout=theirs
        )
        os.close(theirs)
        shown = b""
        with open(ours, "rb", buffering=0) as terminal:  # noqa: PTH123  a descriptor, not a path
            try:
                while part := terminal.read(4096):
                    shown += part
            except OSError:  # the other side is closed
                pass
        assert process.wait(60) == code, shown
        return shown.decode()

    def up(self, body: str | None = None, *, code: int = 0) -> Result:
        """Run ``pulumi up`` without its preview, with another program where one is given."""
        if body is not None:
            self.program(body)
        return self.run("up", "--yes", "--skip-preview", code=code)

    def preview(self, body: str | None = None, *, code: int = 0) -> Result:
        """Run ``pulumi preview``."""
        if body is not None:
            self.program(body)
        return self.run("preview", code=code)

    def rules(self, *rules: dict[str, Any]) -> None:
        """Say what goes wrong from now on, and forget the calls so far."""
        (self.cloud / "rules.json").write_text(json.dumps(rules))
        (self.cloud / "calls.jsonl").unlink(missing_ok=True)

    def calls(self, *methods: str) -> list[str]:
        """What was asked of the provider since `rules`, as ``Method name``; previewed changes do not count."""
        log = self.cloud / "calls.jsonl"
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [f"{c['method']} {c['name']}" for c in lines if c["method"] in methods and not c.get("preview")]

    @property
    def changes(self) -> list[str]:
        """The changing calls since `rules`, in order."""
        return self.calls("Create", "Update", "Delete")

    @property
    def objects(self) -> dict[str, dict[str, Any]]:
        """What exists, by name and number: an object called ``a`` twice shows as ``a`` and ``a+``."""
        found: dict[str, dict[str, Any]] = {}
        for file in sorted((self.cloud / "objects").glob("*.json")):
            name = file.stem.rsplit("-", 1)[0]
            while name in found:
                name += "+"
            found[name] = json.loads(file.read_text())
        return found

    def object_file(self, name: str) -> Path:
        """The file that is the object."""
        (file,) = (self.cloud / "objects").glob(f"{name}-????????.json")
        return file

    @property
    def latest(self) -> dict[str, Any]:
        """The stack's deployment as the state file has it."""
        latest: dict[str, Any] = json.loads(self.state_file.read_text())["checkpoint"]["latest"]
        return latest

    def resource(self, name: str) -> dict[str, Any]:
        """One resource of the state."""
        (found,) = [r for r in self.latest["resources"] if r["urn"].endswith(f"::{name}")]
        return dict(found)

    @property
    def pending(self) -> list[str]:
        """The operations that the state holds as begun."""
        return [
            f"{o['type']} {o['resource']['urn'].rsplit('::', 1)[-1]}"
            for o in self.latest.get("pending_operations") or []
        ]
