"""Provision a machine of your own from Python, without `fab` and without Pulumi.

Use: python examples/provision_from_python.py ubuntu@192.0.2.7 base
The machine's key has to be in your known_hosts: `ssh` to it once before.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # gpurig is run from its folder, not installed

from provision.agent.words import Kind
from provision.bundle.render import render
from provision.model.host import Host
from provision.model.target import Target
from provision.transport.session import Session


def main() -> None:
    """Install a recipe and print what happens, an event a line."""
    login, recipe = sys.argv[1:]
    user, _, address = login.rpartition("@")
    # No GPU in this machine: said, never assumed. With one: Target(gpu="T4", compute="7.5").
    target = Target(image="ubuntu-22.04", gpu="none", user=user, mount_point="/srv/jobs")
    host = Host(name=address, address=address, user=user, target=target)
    bundle = render([recipe], target)
    with Session(host) as session:
        for event in session.apply(bundle):
            print(event["event"], event.get("step", ""), event.get("state", event.get("line", "")))
            if event["event"] == Kind.FAILED:
                sys.exit(event["why"])


if __name__ == "__main__":
    main()
