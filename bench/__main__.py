"""`make bench`: a rehearsal box is made and provisioned once, then the same questions are timed many times."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.delay import delayed
from provision.bundle import render
from provision.connection import ssh_command
from provision.inventory import from_outputs
from provision.session import Session
from rehearsal.boxes import roots, why_not
from rehearsal.site import ROOT, open_site

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provision.bundle import Bundle
    from provision.inventory import Host
    from rehearsal.site import Site

RUNS = 15
ROUND_TRIP = 0.040
"""Seconds: a cloud region on the same continent."""


def seconds(action: Callable[[], object]) -> float:
    """Return how long `action` takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def command(site: Site, *words: str) -> None:
    """Run a command in the rehearsal; its output is shown only when it fails."""
    done = subprocess.run(words, cwd=ROOT, env=site.env, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"bench: `{' '.join(words)}` failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def spread(values: Sequence[float]) -> str:
    """Return the median with the lowest and the highest value."""
    return f"{statistics.median(values):7.3f} s   ({min(values):.3f} to {max(values):.3f}, {len(values)} runs)"


def main() -> None:
    """Measure, print, and leave the figures in `results/bench.json`."""
    if lack := why_not():
        sys.exit(f"bench: {lack}")
    roots.ensure("ubuntu-22.04", print)
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".rehearsal-bench-") as folder:
        site = open_site(Path(folder), stack="rehearsal", boxes=True, sources="standins", tell=print)
        try:
            figures = measure(site)
        finally:
            site.cloud.stop()
    path = ROOT / "results" / "bench.json"
    path.parent.mkdir(exist_ok=True)
    about = {"engine": site.engine, "machine": platform.platform(), "cores": os.cpu_count()}
    path.write_text(json.dumps({**about, **figures}, indent=2) + "\n", encoding="utf-8")
    print(f"\nengine: {site.engine}; {os.cpu_count()} cores; figures in {path.relative_to(ROOT)}")


def measure(site: Site) -> dict[str, float]:
    """Return all figures by name, in seconds unless the name says otherwise."""
    command(site, "pulumi", "stack", "select", "rehearsal", "--create")
    figures = {
        "pulumi preview, nothing there yet": seconds(lambda: command(site, "pulumi", "preview")),
        "pulumi up": seconds(lambda: command(site, "pulumi", "up", "--yes")),
        "boot to base ready": seconds(lambda: command(site, "fab", "setup-base")),
        "pulumi preview, nothing to do": seconds(lambda: command(site, "pulumi", "preview", "--expect-no-changes")),
        "fab setup-digits, first time": seconds(lambda: command(site, "fab", "setup-digits")),
    }
    for name, value in figures.items():
        print(f"{name:<36}{value:8.1f} s", flush=True)
    document = subprocess.run(
        ["pulumi", "stack", "output", "gpurig", "--json"], cwd=ROOT, env=site.env, capture_output=True, check=True
    ).stdout
    host = from_outputs(json.loads(document))[0]
    figures |= against_ssh(site, host)
    figures |= round_trips(site, host)
    command(site, "pulumi", "destroy", "--yes")
    return figures


def against_ssh(site: Site, host: Host) -> dict[str, float]:
    """Time `fab setup-digits` with nothing to do beside `ssh box true`, turn and turn about."""
    plain = [*ssh_command(host, identity=str(site.state / "id_ed25519")), "true"]
    shells, setups = [], []
    for _ in range(RUNS):
        shells.append(seconds(lambda: command(site, *plain)))
        setups.append(seconds(lambda: command(site, "fab", "setup-digits")))
    ratio = statistics.median(setups) / statistics.median(shells)
    print(f"{'ssh box true':<36} {spread(shells)}")
    print(f"{'fab setup-digits, nothing to do':<36} {spread(setups)}")
    print(f"{'ratio of the medians':<36} {ratio:7.2f}     (aim: at most 2.5)", flush=True)
    return {
        "ssh box true": statistics.median(shells),
        "fab setup-digits, nothing to do": statistics.median(setups),
        "ratio": ratio,
    }


def round_trips(site: Site, host: Host) -> dict[str, float]:
    """Count round trips as time that a longer cable adds, for connecting and for the question after it."""
    os.environ |= {name: value for name, value in site.env.items() if name.startswith(("AWS_", "GPURIG_"))}
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


if __name__ == "__main__":
    main()
