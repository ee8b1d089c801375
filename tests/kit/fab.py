"""`fab` as a user types it, and a `pulumi` that answers it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from provision.model.host import BOX, VERSION
from provision.model.target import Target

ROOT = Path(__file__).parents[2]
FAB = (str(Path(sys.executable).with_name("fab")), "--search-root", str(ROOT))
SECONDS = 120
INSTANCE, VOLUME = "aws:ec2/instance:Instance", "aws:ebs/volume:Volume"
LICENCES = ("--accept", "nvidia-cuda", "--accept", "nvidia-cudnn")


def clean_environment(**more: str) -> dict[str, str]:
    """Return this machine's environment without what steers gpurig, Pulumi and AWS, and with `more`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "GPURIG_", "PULUMI_"))}
    return {**kept, **more}


def fab(cwd: Path, *words: str, code: int | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `fab` in a folder, with no `pulumi` on PATH unless the test gives one; `code`: with what it has to end."""
    environment = clean_environment(**{"PATH": "/usr/bin:/bin", **env})
    done = subprocess.run([*FAB, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert code in (None, done.returncode), done.stdout + done.stderr
    return done


def refused(cwd: Path, *words: str, code: int = 2, **env: str) -> str:
    """Run `fab`, which ends with `code` before it has done anything; returns its standard error."""
    done = fab(cwd, *words, code=code, **env)
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    return done.stderr


def fab_ends(code: int, *words: str, **where: Any) -> subprocess.CompletedProcess[str]:
    """Run `fab`, which has to end with `code`, in this process's folder and environment unless `where` says another."""
    done = subprocess.run([*FAB, *words], capture_output=True, text=True, check=False, timeout=SECONDS, **where)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def write_hosts(folder: Path, *names: str, address: str = "127.0.0.1", port: int = 9, gpu: str = "none") -> None:
    """Write a hosts.toml; nothing answers at its hosts unless the test says where."""
    keys = f'address = "{address}"\nport = {port}\ngpu = "{gpu}"\n'
    (folder / "hosts.toml").write_text("".join(f"[host.{name}]\n{keys}" for name in names))


def pulumi_that_says(folder: Path, stdout: str = "", stderr: str = "", code: int = 0) -> str:
    """Put a `pulumi` in `folder` that answers with this; returns a PATH with it."""
    program = folder / "pulumi"
    (folder / "stdout").write_text(stdout)
    (folder / "stderr").write_text(stderr)
    program.write_text(f'#!/bin/sh\ncat "{folder}/stdout"; cat "{folder}/stderr" >&2; exit {code}\n')
    program.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def host_row(**changes: Any) -> dict[str, Any]:
    """Return one host of the stack's outputs; nothing answers at its address."""
    return {
        "name": "box",
        "address": "127.0.0.1",
        "user": "ubuntu",
        "port": 9,
        "recipe": "digits",
        "ports": {},
        "instanceId": "i-0a1",
        "instanceType": "g4dn.xlarge",
        "region": "us-east-1",
        "pricePerHour": None,
        "target": Target().to_document(),
        **changes,
    }


def outputs(*rows: dict[str, Any], project: str = "gpurig", stack: str = "dev") -> str:
    """Return the state of a stack with these hosts, as `pulumi stack export` prints it."""
    resources = [resource for row in rows for resource in _resources(row, f"urn:pulumi:{stack}::{project}::")]
    return json.dumps({"version": 3, "deployment": {"resources": resources}})


def _resources(row: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Return a box as the state has it: what the program said of it, and what AWS made."""
    box, host = f"{prefix}{BOX}::{row['name']}", f"{prefix}{BOX}$gpurig:infra:Host::{row['name']}"
    address = "publicIp" if row.get("access", "public") == "public" else "privateIp"
    inner = {"privateIp": row["innerAddress"]} if "innerAddress" in row else {}
    made = {**inner, address: row["address"], "instanceType": row["instanceType"], "availabilityZone": "us-east-1a"}
    resources: list[dict[str, Any]] = [
        {"urn": box, "type": BOX, "inputs": {"document": {"version": VERSION, "generation": 1, **row}}},
        {"urn": host, "type": "gpurig:infra:Host", "parent": box},
        {"urn": f"{host}-g1", "type": INSTANCE, "parent": host, "id": row["instanceId"], "outputs": made},
    ]
    if volume_id := row["target"]["volume_id"]:
        resources.append({"urn": f"{box}-jobs", "type": VOLUME, "parent": box, "id": volume_id})
    return resources
