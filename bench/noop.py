"""How long a command with nothing to do takes, beside plain ssh, and how many round trips it is."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING

from bench.delay import delayed
from bench.rig import seconds, spread
from provision.bundle.render import render
from provision.model.host import Host
from provision.transport.session import Session
from provision.transport.way import ssh_command

if TYPE_CHECKING:
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
        figures |= against_ssh(user, host)
        figures |= round_trips(user, host)
    return figures


def against_ssh(user: User, host: Host) -> dict[str, float]:
    """Time `fab setup-digits` with nothing to do beside `ssh box true`, turn and turn about."""
    plain = [*ssh_command(host, identity=str(user.site.state / "id_ed25519")), "true"]
    shells, setups = [], []
    for _ in range(RUNS):
        shells.append(seconds(lambda: user.run(*plain)))
        setups.append(seconds(lambda: user.fab("setup-digits")))
    ratio = statistics.median(setups) / statistics.median(shells)
    print(f"{'ssh box true':<36} {spread(shells)}")
    print(f"{'fab setup-digits, nothing to do':<36} {spread(setups)}")
    print(f"{'ratio of the medians':<36} {ratio:7.2f}     (aim: at most 1.5)", flush=True)
    return {
        "ssh box true": statistics.median(shells),
        "fab setup-digits, nothing to do": statistics.median(setups),
        "ratio": ratio,
    }


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
