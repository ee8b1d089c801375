"""`python -m rehearsal`: the story, or a rehearsal cloud to play with."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.boxes import roots, sweep, why_not
from rehearsal.cloud.handle import Cloud
from rehearsal.errors import RehearsalError
from rehearsal.site import STATE, open_site

if TYPE_CHECKING:
    from rehearsal.site import Site

DISK_GIB = 14
"""What the root disk of a provisioned box takes (10), with the headroom that recipes ask for."""
STACKS = {"standins": "rehearsal", "upstream": "rehearsal-upstream"}


def main() -> int:
    """Return 0, or 1 with one line about what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description=__doc__)
    parser.add_argument("verb", choices=("story", "clean"))
    parser.add_argument("--state", type=Path, default=STATE, help="folder of everything that the rehearsal writes")
    parser.add_argument("--keep", action="store_true", help="leave the cloud running at the end")
    arguments = parser.parse_args()
    try:
        if arguments.verb == "clean":
            return clean(arguments.state.resolve())
        return story(arguments.state.resolve(), keep=arguments.keep)
    except RehearsalError as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1


def story(state: Path, *, keep: bool) -> int:
    """Run the main job from a clean slate, and say at the end what was real and what stood in."""
    from rehearsal.story import tell  # noqa: PLC0415 - paramiko, which `clean` does without
    from rehearsal.summary import summary  # noqa: PLC0415

    sources = os.environ.get("SOURCES", "standins")
    if sources not in STACKS:
        raise RehearsalError(f'SOURCES has to be one of {", ".join(STACKS)}, and it is "{sources}"')
    clean(state)
    state.mkdir(parents=True, exist_ok=True)
    lack = why_not()
    if not lack and (free := shutil.disk_usage(state).free / 2**30) < DISK_GIB:
        way_out = "make room, or: .venv/bin/python -m rehearsal story --state FOLDER, on another disk"
        raise RehearsalError(f"a box with CUDA needs {DISK_GIB} GiB in {state}, and {free:.1f} are free; {way_out}")
    if lack:
        print(f"no boxes on this machine, so nothing boots and nothing is provisioned: {lack}", flush=True)
        stack = STACKS[sources]
    else:
        root = roots.ensure("ubuntu-22.04", lambda line: print(line, flush=True)).name
        stack = "rehearsal-debian" if root == "debian-12" else STACKS[sources]
    site = open_site(state, stack=stack, boxes=not lack, sources=sources, tell=lambda line: print(line, flush=True))
    try:
        print(f"a rehearsal cloud on this machine: {site.cloud.endpoint}, state in {state}", flush=True)
        done = tell(site, boxes=not lack)
        print(summary(done, sources=sources, lack=lack))
    finally:
        if keep:
            print(_how_to_use(site))
        else:
            site.cloud.stop()
    return 0


def clean(state: Path) -> int:
    """Switch the cloud of `state` off, sweep up after a killed one, forget its stacks and disks."""
    if cloud := Cloud.find(state):
        cloud.stop()
    for thing in sweep(state):
        print(f"gave back {thing}")
    for name in ("pulumi", "volumes", "snapshots", "boxes", "calls.jsonl", "cloud.log", "job.sha256"):
        subprocess.run(["rm", "-rf", "--one-file-system", str(state / name)], check=True)
    return 0


def _how_to_use(site: Site) -> str:
    """Return what to type to go on in the rehearsal cloud by hand."""
    names = {**site.cloud.env, **site.settings}
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in names.items())
    script = site.state / "env"
    script.write_text(f"{exports}export PATH={shlex.quote(str(site.state / 'bin'))}:$PATH\n", encoding="utf-8")
    lines = [
        "\nThe rehearsal cloud is still on. In a shell:",
        f"  . {script} && . .venv/bin/activate",
        "  pulumi up; fab setup-digits; fab tunnel; pulumi destroy",
        "  make clean    # switches it off",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
