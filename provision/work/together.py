"""A training on several hosts: one run of the same name on each, whose torchrun finds the others.

The recipe's program says what each host has, and is what its run starts (templates/recipes/pytorch/node.py).
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from provision.agent.paths import PREFIX
from provision.agent.run_names import free_name
from provision.model.errors import BadInput, GpurigError
from provision.model.schema import plain
from provision.transport import pipes
from provision.work.cluster import inner
from provision.work.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from provision.model.host import Host
    from provision.transport.session import Session

RECIPE = "pytorch"
TOKEN = "GPURIG_TOGETHER"  # noqa: S105 - the name of a variable
"""Where a run's environment has what its hosts know each other by."""
ALONE = "127.0.0.1"
"""Where a host that trains by itself finds itself."""
_PYTHON, _PROGRAM = f"{PREFIX}/{RECIPE}/venv/bin/python", f"{PREFIX}/{RECIPE}/node.py"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """What a host has for a training."""

    torch: str
    """The version of its PyTorch."""
    gpus: int
    port: int
    """One that was free."""
    wrong: Sequence[str]
    runs: frozenset[str]
    """The names of its runs."""


def words_of(command: str) -> list[str]:
    """Return what torchrun is given: a script and its words. Raises `BadInput` for what is none."""
    hint = f"fab run --all-hosts --with {RECIPE} -- train.py --epochs 3"
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise BadInput([f"{plain(command)}: {error}"], hint=hint) from error
    if not words:
        raise BadInput(["there is no script to run"], hint=hint)
    if not (words[0].endswith(".py") or (words[0] == "-m" and len(words) > 1)):
        problem = (
            f'"{plain(words[0])}": --all-hosts starts torchrun, which starts Python: say the script first, or -m MODULE'
        )
        raise BadInput([problem], hint=hint)
    return words


def addresses(hosts: Sequence[Host]) -> list[str]:
    """Return where the hosts reach each other, in their order. Raises `BadInput` with all that cannot be."""
    if len(hosts) == 1:
        return [ALONE]
    found = [inner(host) for host in hosts]
    of: dict[str, list[str]] = {}
    for host, address in zip(hosts, found, strict=True):
        of.setdefault(address, []).append(host.name)
    if problems := [f"{' and '.join(names)} are both at {address}" for address, names in of.items() if len(names) > 1]:
        raise BadInput(
            problems, hint="each host is reached by the others at an address of its own: inner, in hosts.toml"
        )
    return found


def look(session: Session, own: str, other: str, folder: str, words: Sequence[str]) -> Look:
    """Return what a host has for a training. Raises `BadInput` where it has no PyTorch, or an earlier setup's.

    `own`, `other`: its address, and another host's; `folder`: where the script is to be.
    """
    where = PurePosixPath(folder) if folder.startswith("~") else session.mount_point / "work" / folder
    script = "" if words[0] == "-m" else str(where / words[0])
    asked = shlex.join([_PYTHON, _PROGRAM, "look", own, other, script])
    try:
        said = pipes.exchange(
            session, f"test -x {_PYTHON} -a -e {_PROGRAM} || {{ echo missing >&2; exit 1; }}; {asked}"
        )
    except pipes.CommandFailed as error:
        if str(error) != "missing":
            raise GpurigError(f"{session.host} cannot say what it has for a training: {error}") from error
        problem = f"{session.host} has no PyTorch that gpurig could start on several hosts"
        raise BadInput([problem], hint=f"fab setup-{RECIPE}, on all hosts") from error
    names = frozenset(run.name for run in Runs(session).all())
    return Look(**json.loads(said.splitlines()[-1]), runs=names)


def problems(looks: Mapping[str, Look], name: str) -> list[str]:
    """Return why hosts cannot train together; `looks`: by their names, `name`: of the run, "" where it has none yet."""
    found = [f"{host}: {what}" for host, seen in looks.items() for what in seen.wrong]
    if len(versions := _by(looks, lambda seen: f"PyTorch {seen.torch}")) > 1:
        found.append(f"all hosts need the same PyTorch: {_listed(versions)}")
    if len(kinds := _by(looks, lambda seen: "GPUs" if seen.gpus else "none")) > 1:
        found.append(f"all hosts need GPUs, or none has any: {_listed(kinds)}")
    found += [f'{host} has a run "{name}" already' for host, seen in looks.items() if name in seen.runs]
    return found


def name_for(words: Sequence[str], looks: Mapping[str, Look]) -> str:
    """Return a name that none of the hosts has a run of."""
    return free_name({name for seen in looks.values() for name in seen.runs}, shlex.join(words))


def command(rank: int, hosts: Sequence[Host], inside: Sequence[str], port: int, words: Sequence[str]) -> str:
    """Return what one host's run starts; `inside`: the hosts' addresses, `port`: the first one's, where all meet."""
    plan = {"rank": rank, "names": [host.name for host in hosts], "addresses": list(inside), "port": port}
    return shlex.join([_PYTHON, _PROGRAM, "run", json.dumps(plan), *words])


def _by(looks: Mapping[str, Look], what: Callable[[Look], str]) -> dict[str, list[str]]:
    """Return what hosts have → the names of those that have it."""
    found: dict[str, list[str]] = {}
    for host, seen in looks.items():
        found.setdefault(what(seen), []).append(host)
    return found


def _listed(groups: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{what} on {', '.join(names)}" for what, names in groups.items())
