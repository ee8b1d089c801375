"""How long a command with nothing to do takes, beside plain ssh, and how many round trips it is."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING

from bench.delay import delayed
from bench.rig import seconds, spread
from provision.bundle.render import render
from provision.model.host import Host
from provision.model.target import Target
from provision.transport import host_keys
from provision.transport.session import Session
from provision.transport.way import ssh_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provision.bundle.step import Bundle
    from rehearsal.user import User

RUNS = 15
ROUND_TRIP = 0.040
"""Seconds: a cloud region on the same continent."""


def measure(user: User) -> dict[str, float]:
    """Return all figures by name, in seconds unless the name says otherwise."""
    figures = {
        "pulumi preview, nothing there yet": seconds(lambda: user.pulumi("preview")),
        "pulumi up": seconds(user.up),
        "boot to base ready": seconds(lambda: user.fab("setup-base")),
        "pulumi preview, nothing to do": seconds(lambda: user.pulumi("preview", "--expect-no-changes")),
        "fab setup-digits, first time": seconds(lambda: user.fab("setup-digits")),
    }
    for name, value in figures.items():
        print(f"{name:<36}{value:8.1f} s", flush=True)
    host = Host.from_document(user.hosts()[0])
    with contextlib.chdir(user.project):  # pinned host keys are found from the working folder
        figures |= beside_ssh(user, [*ssh_command(host, identity=str(user.site.key)), "true"])
        figures |= round_trips(user, host)
        figures |= from_afar(user, host)
    return figures


def beside_ssh(user: User, plain: Sequence[str], *environment: str, where: str = "") -> dict[str, float]:
    """Time `fab setup-digits` with nothing to do beside `ssh box true`, turn and turn about."""
    shells, setups = [], []
    for _ in range(RUNS):
        shells.append(seconds(lambda: user.run(*plain)))
        setups.append(seconds(lambda: user.run("env", *environment, "fab", "setup-digits")))
    ratio = statistics.median(setups) / statistics.median(shells)
    print(f"{f'ssh box true{where}':<48} {spread(shells)}")
    print(f"{f'fab setup-digits, nothing to do{where}':<48} {spread(setups)}")
    print(f"{f'ratio of the medians{where}':<48} {ratio:7.2f}     (aim: at most 1.5)", flush=True)
    return {
        f"ssh box true{where}": statistics.median(shells),
        f"fab setup-digits, nothing to do{where}": statistics.median(setups),
        f"ratio{where}": ratio,
    }


def from_afar(user: User, host: Host) -> dict[str, float]:
    """Time both again through a longer cable; the box is one of the user's own then, at the cable's near end."""
    home, target = user.site.state / "afar", host.target or Target()
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    with delayed(host.address, host.port or 22, ROUND_TRIP) as port:
        name = f"[127.0.0.1]:{port}"
        keys = [f"{name} {key}\n" for key in host_keys.pinned(host)]
        known, hosts = home / ".ssh" / "known_hosts", home / "hosts.toml"
        known.write_text("".join(keys), encoding="utf-8")
        hosts.write_text(_own(target, port), encoding="utf-8")
        environment = (f"HOME={home}", f"GPURIG_HOSTS={hosts}")
        user.run("env", *environment, "fab", "setup-digits")  # as one's own it has no volume to mount
        options = ("-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes")
        plain = ["ssh", "-p", str(port), "-i", str(user.site.key), *options, f"{target.user}@127.0.0.1", "true"]
        return beside_ssh(user, plain, *environment, where=f", {ROUND_TRIP * 1000:.0f} ms away")


def _own(target: Target, port: int) -> str:
    """Return a hosts.toml with the box of the stack."""
    lists = {"licences": target.licences, "unpinned": target.unpinned}
    tables = {"sources": target.sources, **{f"mirrors.{kind}": table for kind, table in target.mirrors.items()}}
    lines = [f"{key} = {json.dumps(values)}" for key, values in lists.items()]
    for table, rows in tables.items():
        lines += [f"[{table}]", *(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in rows.items())]
    row = {"address": "127.0.0.1", "port": port, "user": target.user, "image": target.image}
    row |= {"gpu": target.gpu, "compute": target.compute}
    lines += ["[host.box]", *(f"{key} = {json.dumps(value)}" for key, value in row.items())]
    return "".join(f"{line}\n" for line in lines)


def round_trips(user: User, host: Host) -> dict[str, float]:
    """Count round trips as time that a longer cable adds, for connecting and for the question after it."""
    os.environ |= {name: value for name, value in user.site.env.items() if name.startswith(("AWS_", "GPURIG_"))}
    if host.target is None:
        sys.exit("bench: the stack's host has no target")
    bundle = render([host.recipe], host.target)
    near = [once(host, bundle, 0.0) for _ in range(RUNS)]
    far = [once(host, bundle, ROUND_TRIP) for _ in range(RUNS)]
    figures = {}
    for index, name in enumerate(("round trips to connect", "round trips after the connection")):
        added = statistics.median(row[index] for row in far) - statistics.median(row[index] for row in near)
        figures[name] = added / ROUND_TRIP
        print(f"{name:<36} {figures[name]:7.2f}     (time added by a {ROUND_TRIP * 1000:.0f} ms cable)", flush=True)
    return figures


def once(host: Host, bundle: Bundle, round_trip: float) -> tuple[float, float]:
    """Return the seconds to connect, and to learn that there is nothing to do."""
    with delayed(host.address, host.port, round_trip) as port:
        session = Session(dataclasses.replace(host, address="127.0.0.1", port=port), tell=lambda _: None)
        with session:
            connect = seconds(lambda: session.connection)
            # sshd sets up the session after it has let the user in: on a long cable that hides behind the round trip.
            time.sleep(0.5)
            ask = seconds(lambda: list(session.apply(bundle)))
    return connect, ask
