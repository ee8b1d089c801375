"""What the tests of several hosts at once share: `fab` with its outputs apart, and hosts of a file."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rehearsal.user import User

NAMES = ("box", "box-2")
SECONDS = 120
NO_ENV: Mapping[str, str] = {}


def fab(user: User, *words: str, code: int = 0, env: Mapping[str, str] = NO_ENV) -> subprocess.CompletedProcess[str]:
    """Run `fab`, its two outputs apart; it has to end with that exit code."""
    environment = {**user.site.env, **env}
    done = subprocess.run(
        ["fab", *words],
        cwd=user.project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def begin(user: User, *words: str, env: Mapping[str, str] = NO_ENV) -> subprocess.Popen[str]:
    """Start `fab` and return it while it runs, its two outputs in pipes."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(["fab", *words], cwd=user.project, env={**user.site.env, **env}, text=True, **pipes)


def hosts_file(user: User, path: Path, names: dict[str, str], extra: str = "") -> dict[str, str]:
    """Write a hosts file (name → name of a box) and return the environment in which it counts, and its boxes' keys."""
    address = {row["name"]: row["address"] for row in user.hosts()}
    (path / "hosts.toml").write_text(
        "".join(f'[host.{name}]\naddress = "{address[box]}"\ngpu = "none"\n' for name, box in names.items()) + extra
    )
    pins = (user.project / ".gpurig" / "known_hosts").read_text()
    for row in user.hosts():
        pins = pins.replace(row["instanceId"], row["address"])
    (path / ".ssh").mkdir()
    (path / ".ssh" / "known_hosts").write_text(pins)
    return {"GPURIG_HOSTS": str(path / "hosts.toml"), "HOME": str(path)}
