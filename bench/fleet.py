"""`fab setup-digits` with nothing to do over 24 addresses, beside one, and beside what other tools take for it.

Three boxes have eight names each. Every tool is given what gpurig checks there, or less: packages, the recipes' files,
services, ten commands. `ssh` only logs in: nobody who does can be quicker.

Boxes, sshd and client share the cores of this machine; boxes of a cloud have cores of their own. So it is said how busy
the machine was, how much CPU time the client took, and what gpurig's ratio would be with the client alone on these
cores: the time for one host, and on top the CPU time that the client takes for the others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.peers.work import COMMANDS, PACKAGES, UNITS
from bench.rig import seconds, spread
from provision.bundle.render import render
from provision.model.host import BOX, VERSION, Host
from provision.transport.way import ssh_command
from rehearsal.errors import RehearsalError
from rehearsal.site import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.user import User

BOXES, NAMES, RUNS = 3, 8, 5
PEERS = ROOT / ".venv" / "peers"
LOCK = ROOT / "requirements" / "peers.txt"


def _resources(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the state of a stack has of a host with this row."""
    box, made = f"urn::{row['name']}", {"publicIp": row["address"], "instanceType": row["instanceType"]}
    instance = {
        "type": "aws:ec2/instance:Instance",
        "id": row["instanceId"],
        "outputs": {**made, "availabilityZone": row["zone"]},
    }
    volume = {"type": "aws:ebs/volume:Volume", "id": row["volumeId"]}
    below = [{**each, "urn": f"{box}-{each['id']}", "parent": box} for each in (instance, volume)]
    return [{"urn": box, "type": BOX, "inputs": {"document": {**row, "version": VERSION}}}, *below]


@dataclasses.dataclass(frozen=True)
class Fleet:
    """Rows of hosts as the stack's output has them, and the folder in which they stand for a stack."""

    user: User
    rows: list[dict[str, Any]]

    @property
    def folder(self) -> Path:
        """Return where its files are."""
        return self.user.site.state / f"fleet-{len(self.rows)}"

    def lay_out(self) -> None:
        """Write the work for every tool, and a `pulumi` that answers with these hosts at once."""
        self.folder.mkdir()
        document = {"version": 3, "deployment": {"resources": [each for row in self.rows for each in _resources(row)]}}
        (self.folder / "state.json").write_text(json.dumps(document), encoding="utf-8")
        program = self.folder / "pulumi"
        program.write_text(f"#!/bin/sh\nexec cat {self.folder / 'state.json'}\n", encoding="utf-8")
        program.chmod(0o755)
        work = self._work()
        # Ansible takes braces in a text that it is given for a template of its own; in a file it does not.
        sources = {path: self.folder / f"file-{n}" for n, path in enumerate(work["files"])}
        for path, source in sources.items():
            source.write_text(work["files"][path], encoding="utf-8")
        work["sources"] = {path: str(source) for path, source in sources.items()}
        (self.folder / "work.json").write_text(json.dumps(work), encoding="utf-8")
        pinned = (self.user.project / ".gpurig" / "known_hosts").read_text(encoding="utf-8")
        for row in self.rows:
            pinned = pinned.replace(row["instanceId"], row["address"])
        (self.folder / ".ssh").mkdir()
        (self.folder / ".ssh" / "known_hosts").write_text(pinned, encoding="utf-8")
        self._inventories(str(self.user.site.key))

    def _inventories(self, key: str) -> None:
        """Write the hosts as Ansible and pyinfra want them, and how to reach them."""
        lines = (f"{row['name']} ansible_host={row['address']} ansible_user={row['user']}\n" for row in self.rows)
        (self.folder / "hosts.ini").write_text("".join(lines), encoding="utf-8")
        known = f"ssh_args = -o UserKnownHostsFile={self.folder / '.ssh' / 'known_hosts'} -o ControlMaster=no"
        settings = [
            "[defaults]",
            "forks = 24",
            f"private_key_file = {key}",
            "[ssh_connection]",
            "pipelining = True",
            known,
        ]
        (self.folder / "ansible.cfg").write_text("\n".join([*settings, ""]), encoding="utf-8")
        hosts = [
            (row["name"], {"ssh_hostname": row["address"], "ssh_user": row["user"], "ssh_key": key})
            for row in self.rows
        ]
        (self.folder / "inventory.py").write_text(f"hosts = {hosts!r}\n", encoding="utf-8")

    def _work(self) -> dict[str, Any]:
        target = Host.from_document(self.rows[0]).target
        if target is None:
            raise RehearsalError("the stack's host has no target")
        # What is the same on every host: the script of the job volume names its host's own.
        files = [f for step in render(["digits"], target).steps for f in step.files if "volume" not in f["path"]]
        return {
            "key": str(self.user.site.key),
            "hosts": [{"address": row["address"], "user": row["user"]} for row in self.rows],
            "packages": PACKAGES,
            "files": {file["path"]: file["content"] for file in files},
            "modes": {file["path"]: file["mode"] for file in files},
            "units": UNITS,
            "commands": COMMANDS,
        }

    def ssh(self) -> None:
        """Log in to every host at once, and do nothing there."""
        with contextlib.chdir(self.user.project):  # pinned host keys are found from the working folder
            commands = [ssh_command(Host.from_document(row), identity=str(self.user.site.key)) for row in self.rows]
        # No settings of whoever runs this: a connection that is shared is no login.
        logins = [
            subprocess.Popen(
                [ssh, "-F", "none", "-o", "BatchMode=yes", *words, "true"],
                cwd=self.user.project,
                stdin=subprocess.DEVNULL,
            )
            for ssh, *words in commands
        ]
        if codes := [code for login in logins if (code := login.wait())]:
            raise RehearsalError(f"{len(codes)} of {len(logins)} logins by ssh failed")

    def gpurig(self) -> None:
        """Run `fab setup-digits`."""
        out = self._run("fab", "setup-digits", folder=self.user.project)
        if out.count("nothing to do") < len(self.rows):
            raise RehearsalError(f"`fab setup-digits` had something to do:\n{out}")

    def plain(self) -> None:
        """Run the plain Fabric script."""
        self._run(sys.executable, str(ROOT / "bench" / "peers" / "plain.py"), "work.json")

    def pyinfra(self) -> None:
        """Run pyinfra."""
        self._run(str(PEERS / "bin" / "pyinfra"), "-y", "inventory.py", str(ROOT / "bench" / "peers" / "deploy.py"))

    def ansible(self) -> None:
        """Run Ansible."""
        words = ["-i", "hosts.ini", "--extra-vars", "@work.json", str(ROOT / "bench" / "peers" / "playbook.yml")]
        self._run(str(PEERS / "bin" / "ansible-playbook"), *words)

    def _run(self, *words: str, folder: Path | None = None) -> str:
        env = self.user.site.env
        env |= {"PATH": f"{self.folder}:{env['PATH']}", "HOME": str(self.folder), "GPURIG_WORK": "work.json"}
        done = subprocess.run(
            words,
            cwd=folder or self.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RehearsalError(f"`{words[0]}` ended with exit code {done.returncode}:\n{done.stdout[-3000:]}")
        return done.stdout


def measure(user: User) -> dict[str, float]:
    """Return seconds by tool and number of addresses, and the ratios."""
    _peers()
    user.config("hosts", str(BOXES))
    user.up()
    user.fab("setup-digits")
    # Else Ansible's module installs it, eight times at once on one box, and fails.
    user.on_box("sudo apt-get -qq update && sudo apt-get -qq install -y python3-apt >/dev/null")
    boxes = user.hosts()
    many = [{**row, "name": f"{row['name']}-{n}"} for n in range(NAMES) for row in boxes]
    fleets = [Fleet(user, boxes[:1]), Fleet(user, many)]
    figures: dict[str, float] = {}
    for fleet in fleets:
        fleet.lay_out()
    for name in ("gpurig", "ssh", "plain", "pyinfra", "ansible"):
        one, all_of_them = (_timed(getattr(fleet, name), name, len(fleet.rows), figures) for fleet in fleets)
        figures[f"{name}, ratio"] = all_of_them / one
        aim = "     (aim: at most 2)" if name == "gpurig" else ""
        print(f"{name:<8} {len(many)} addresses beside 1   {all_of_them / one:7.2f}{aim}", flush=True)
    one, more = figures["gpurig, 1"], figures[f"gpurig, {len(many)}, client"] - figures["gpurig, 1, client"]
    figures["gpurig, ratio with cores of their own, reckoned"] = (one + more) / one
    print(f"gpurig, reckoned for boxes with cores of their own {(one + more) / one:7.2f}")
    return figures


def _timed(action: Callable[[], None], name: str, count: int, figures: dict[str, float]) -> float:
    """Time a tool a few times; returns the median."""
    runs = {"gpurig": RUNS, "ssh": RUNS, "ansible": 1}.get(name, 2)
    if runs > 1:
        action()  # once unmeasured: bytecode is written. Ansible's minutes show no difference.
    before, client = _ticks(), _client()
    values = [seconds(action) for _ in range(runs)]
    busy, idle = (after - then for after, then in zip(_ticks(), before, strict=True))
    share, own = 100 * busy / (busy + idle), (_client() - client) / runs
    busy_is = f"the machine {share:.0f} % busy, the client {own:.2f} s of CPU"
    print(f"{name:<8} {count:2d} addresses {spread(values)}, {busy_is}", flush=True)
    key = f"{name}, {count}"
    figures |= {key: statistics.median(values), f"{key}, machine busy %": share, f"{key}, client": own}
    return statistics.median(values)


def _client() -> float:
    """Return the seconds of CPU of all programs that were started here and have ended; boxes are none of them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ticks() -> tuple[int, int]:
    """Return the busy and the idle ticks of all cores since boot."""
    row = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    idle = int(row[3]) + int(row[4])
    return sum(map(int, row[:8])) - idle, idle


def _peers() -> None:
    """Install the other tools from their own lock, in an environment of their own: they are no part of the project."""
    if (PEERS / "bin" / "ansible-playbook").exists() and (PEERS / "bin" / "pyinfra").exists():
        return
    install = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--require-hashes", "-r", str(LOCK)]
    for command in ([sys.executable, "-m", "venv", "--clear", str(PEERS)], [str(PEERS / "bin" / "python"), *install]):
        if subprocess.run(command, check=False, env=os.environ).returncode:
            raise RehearsalError(f"`{' '.join(command)}` did not work; it needs a package index")
