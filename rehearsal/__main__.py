"""`python -m rehearsal`: the story, or a rehearsal cloud to play with."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearsal.boxes import roots, sweep, why_not
from rehearsal.cloud.handle import Cloud
from rehearsal.errors import RehearsalError
from rehearsal.gpu import options
from rehearsal.gpu.check import facts
from rehearsal.locks import Held, locked
from rehearsal.site import ROOT, STATE, open_site
from rehearsal.story import job, on_card
from rehearsal.story import life as whole_life
from rehearsal.story.summary import summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rehearsal.site import Site

DISK_GIB = 14
"""What the root disk of a provisioned box takes (10), with the headroom that recipes ask for."""
RUN = (
    "pulumi",
    "volumes",
    "snapshots",
    "images",
    "boxes",
    "calls.jsonl",
    "cloud.log",
    "job.sha256",
    "results",
    "project",
    "home",
)
"""What one run leaves in the state folder."""
LASTING = (
    "bin",
    "env",
    "sources",
    "pulumi-home",
    "pulumi-cli",
    "pulumi-cli.part",
    "id_ed25519",
    "id_ed25519.pub",
    "cloud.lock",
    "make.lock",  # the last of all: it is held until nothing is left to remove
)
"""What the next run takes up again."""
STACKS = {"standins": "rehearsal", "upstream": "rehearsal-upstream"}


def main() -> int:
    """Return 0, or 1 with one line about what went wrong, or 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description=__doc__)
    parser.add_argument("verb", choices=("story", "clean", "gpu-check"))
    parser.add_argument("--state", type=Path, default=STATE, help="folder of everything that the rehearsal writes")
    parser.add_argument("--life", action="store_true", help="tell a box's whole life instead of the main job")
    parser.add_argument("--gpu", action="store_true", help="have the main job use this machine's NVIDIA card")
    parser.add_argument("--keep", action="store_true", help="leave the cloud running at the end")
    options.add(parser)
    arguments = parser.parse_args()
    # Started in the background of a script, Ctrl-C is ignored here and in `fab tunnel`, which the story ends that way.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if arguments.verb == "clean":
            return clean(arguments.state.resolve())
        if arguments.verb == "gpu-check":
            return options.run(arguments)
        _check_online(arguments)
        return story(arguments.state.resolve(), life=arguments.life, keep=arguments.keep, gpu=arguments.gpu)
    except RehearsalError as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        state = arguments.state.resolve()
        left = f"; the rehearsal cloud is still on: {_clean(state)}" if Cloud.find(state) else ""
        print(f"\nstopped by Ctrl-C{left}", file=sys.stderr)
        return 130


def _check_online(arguments: argparse.Namespace) -> None:
    if arguments.gpu and arguments.offline:
        raise RehearsalError(f"GPU=1 tells the main job by the network: make gpu-check OFFLINE={arguments.offline}")


def story(state: Path, *, life: bool, keep: bool, gpu: bool = False) -> int:
    """Tell the main job, or a whole life, from a clean slate, and say at the end what was real and what stood in."""
    sources = wanted_sources()
    own = None
    if gpu:
        if life:
            raise RehearsalError("LIFE=1 tells of a box without a card: make rehearse GPU=1, or make rehearse LIFE=1")
        own = facts()
    root = on_card.system(own, sources) if own else roots.DEFAULT
    state.mkdir(parents=True, exist_ok=True)
    with _alone(state):
        return _rehearse(state, Wish(sources, root, life=life, keep=keep, card=own))


def wanted_sources() -> str:
    """Return what the environment's SOURCES wants to be built. Raises `RehearsalError`."""
    sources = os.environ.get("SOURCES", "standins")
    if sources not in STACKS:
        raise RehearsalError(f'SOURCES has to be one of {", ".join(STACKS)}, and it is "{sources}"')
    return sources


@dataclasses.dataclass(frozen=True)
class Wish:
    """What is to be rehearsed."""

    sources: str
    root: str
    """The box's system, where its archive answers."""
    life: bool
    keep: bool
    card: Mapping[str, Any] | None
    """This machine's, as `rehearsal.gpu.check.facts` tells it; None: the stack asks for none."""


def _rehearse(state: Path, wish: Wish) -> int:
    sources, life, keep = wish.sources, wish.life, wish.keep
    _remove(state, RUN)
    lack = why_not()
    if not lack and (free := shutil.disk_usage(state).free / 2**30) < DISK_GIB:
        way_out = "make room, or: .venv/bin/python -m rehearsal story --state FOLDER, on another disk"
        raise RehearsalError(f"a box with CUDA needs {DISK_GIB} GiB in {state}, and {free:.1f} are free; {way_out}")
    if lack and (life or wish.card):
        what = "a box's whole life" if life else "a card"
        raise RehearsalError(f"{what} needs boxes, and there are none on this machine: {lack}")
    if lack:
        print(f"no boxes on this machine, so nothing boots and nothing is provisioned: {lack}", flush=True)
        stack = STACKS[sources]
    else:
        root = roots.ensure(wish.root, lambda line: print(line, flush=True)).name
        stack = _stack(root, sources)
    site = open_site(state, stack=stack, boxes=not lack, sources=sources, tell=lambda line: print(line, flush=True))
    try:
        print(f"a rehearsal cloud on this machine: {site.cloud.endpoint}, state in {state}", flush=True)
        done = whole_life.tell(site) if life else job.tell(site, boxes=not lack, card=wish.card)
        print(summary(done, sources=sources, life=life, lack=lack, own=wish.card))
    finally:
        if keep:
            print(_how_to_use(site))
        else:
            site.cloud.stop()
    return 0


def _stack(root: str, sources: str) -> str:
    """Return the stack for boxes of that root file system. Raises `RehearsalError` where there is none."""
    if root != "debian-12":
        return STACKS[sources]
    if sources == "upstream":
        way_out = "go where Ubuntu's archive answers, or rehearse with the stand-ins: make rehearse"
        raise RehearsalError(f"SOURCES=upstream needs Ubuntu boxes, and only Debian is to be had here; {way_out}")
    return "rehearsal-debian"


def clean(state: Path) -> int:
    """Switch the cloud of `state` off, sweep up after a killed one, and remove all that rehearsals left there."""
    if not state.is_dir():
        return 0
    with _alone(state):
        _remove(state, RUN + LASTING)
        with contextlib.suppress(OSError):  # somebody's own files are in it
            state.rmdir()
    return 0


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Hold the folder for this `make`: a second one would take the first one's cloud and disks away."""
    for path in (state, *state.iterdir()):
        with contextlib.suppress(FileNotFoundError):  # the first one's, which is at work
            _check_owner(state, path.lstat().st_uid, path)
    try:
        with locked(state / "make.lock", wait=False):
            yield
    except Held as held:
        raise RehearsalError(
            f"a rehearsal is at work in {state} ({held.holder}): wait until it is through, or end it with Ctrl-C; "
            "for one beside it: .venv/bin/python -m rehearsal story --state FOLDER"
        ) from None


def _check_owner(state: Path, owner: int, path: Path) -> None:
    if os.geteuid() not in (0, owner):
        raise RehearsalError(f"{path} belongs to {'root' if owner == 0 else f'user {owner}'}: sudo {_clean(state)}")


def _remove(state: Path, names: tuple[str, ...]) -> None:
    """Switch the cloud of `state` off, sweep up after a killed one, and remove what `names` says."""
    if cloud := Cloud.find(state):
        print("switching off the rehearsal cloud that was kept", flush=True)
        cloud.stop()
    for thing in sweep(state):
        print(f"gave back {thing}")
    for name in names:
        command = ["rm", "-rf", "--one-file-system", str(state / name)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RehearsalError(f"{state / name} cannot be removed: {done.stderr.strip()}")


def _clean(state: Path) -> str:
    """Return the command that switches the cloud of a folder off."""
    return "make clean" if state == STATE else f".venv/bin/python -m rehearsal clean --state {shlex.quote(str(state))}"


def _how_to_use(site: Site) -> str:
    """Return what to type to go on in the rehearsal cloud by hand."""
    names = {**site.cloud.env, **site.settings}
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in names.items())
    script = site.state / "env"
    script.write_text(f"{exports}export PATH={shlex.quote(str(site.state / 'bin'))}:$PATH\n", encoding="utf-8")
    lines = [
        "\nThe rehearsal cloud is still on. In a shell:",
        # In this order: to activate is to take back what an activated shell has done to PATH.
        f"  . {ROOT / '.venv' / 'bin' / 'activate'} && . {script}",
        "  pulumi up; fab setup-digits; fab tunnel; pulumi destroy",
        f"  {_clean(site.state)}    # switches it off",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
