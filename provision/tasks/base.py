"""What the tasks share: errors become one line and an exit code, and `-H`, hosts file or stack become hosts."""

from __future__ import annotations

import dataclasses
import functools
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import fabric
import fabric.main
from invoke.exceptions import Exit

from provision.catalogue.recipe import Catalogue
from provision.model.errors import BadInput, GpurigError
from provision.model.platforms import NO_GPU, gpus, images
from provision.model.target import Target
from provision.screen import fleet, progress
from provision.tasks.words import Task
from provision.transport import inventory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from provision.screen.progress import View
    from provision.transport.inventory import Host
    from provision.transport.session import Session

CHOICES_HELP = {
    "source": "RECIPE=SOURCE: where to take a recipe from; may be given more than once",
    "accept": "a licence that you have read and accept; may be given more than once",
}

LIMIT_HELP = {"limit": "only the hosts of these names or addresses, with commas between"}
STOPPED = "stopped watching; what runs on the host goes on, and the same command finds it again"
# The exit codes of the hosts that failed, for `ending`, which comes after all others.
_codes: list[int] = []


def task(*, stopped: str = STOPPED, **options: Any) -> Callable[[Callable[..., None]], Any]:
    """Make a Fabric task whose `GpurigError`s end the program with a message and the error's exit code.

    `stopped`: what Ctrl-C means for what it does.
    """

    def decorate(body: Callable[..., None]) -> Any:
        @functools.wraps(body)
        def guarded(*args: Any, **kwargs: Any) -> None:
            try:
                body(*args, **kwargs)
            except GpurigError as error:
                raise Exit(f"error: {error}", error.exit_code) from error
            except KeyboardInterrupt:
                raise Exit(stopped, 130) from None

        return fabric.task(klass=Task, **options)(guarded)

    return decorate


@fabric.task  # type: ignore[untyped-decorator] # fabric has no types
def ending(_c: Any) -> None:
    """End the program with the code of the first host that failed: the `post` of every task that uses `each`."""
    if _codes:
        raise Exit(code=_codes[0])


def each(c: Any, action: Callable[[Host, View], None], *, limit: str = "", hosts: Sequence[Host] | None = None) -> None:
    """Do something on all hosts at once; one that fails is told at once and keeps no other waiting.

    `limit`: only those of these names or addresses, with commas between. `hosts`: what `hosts_for` gave, where it was
    asked already. The action prints through its view only.
    """
    if isinstance(c, fabric.Connection) and not _is(c, _named()[0]):
        return  # with `-H a,b` Fabric calls a task once per host; the first call took them all
    hosts = hosts or hosts_for(c, limit)
    if len(hosts) > 1:
        failures = fleet.Crew(hosts, action).work()
        if any(failures):
            tell(fleet.summary(hosts, failures))
            _codes.extend(error.exit_code for error in failures if error is not None)
        return
    try:
        with progress.view() as out:
            action(hosts[0], out)
    except GpurigError as error:
        tell(f"error: {error}")
        _codes.append(error.exit_code)


def hosts_for(c: Any, limit: str = "") -> list[Host]:
    """Return the hosts that `fab -H` gave, else those of the hosts file or the stack; of these, those in `limit`.

    Raises `BadInput` for a word of `limit` that is no host's name or address.
    """
    hosts = [_given(c, word) for word in _named()] if isinstance(c, fabric.Connection) else inventory.load()
    words = [word.strip() for word in limit.split(",") if word.strip()]
    known = {name for host in hosts for name in (host.name, host.address)}
    if problems := [f"--limit {word}: no host has that name or address" for word in words if word not in known]:
        raise BadInput(problems, hint=f"there are: {', '.join(host.name for host in hosts)}")
    return [host for host in hosts if not words or {host.name, host.address} & set(words)]


def one_host(c: Any, limit: str = "") -> Host:
    """Return the only host, or the one that `limit` names. Raises `BadInput` where that leaves several."""
    hosts = hosts_for(c, limit)
    if len(hosts) != 1:
        names = ", ".join(host.name for host in hosts)
        raise BadInput([f"this works on one host, and there are {len(hosts)}: {names}"], hint="--limit NAME takes one")
    return hosts[0]


def _given(c: fabric.Connection, word: str) -> Host:
    """Return the host that a word of `fab -H` names."""
    given = c.derive_shorthand(word)
    host = inventory.named(given["host"], user=given["user"], port=given["port"])
    if host.target:
        return host
    # A machine that no file knows is as ssh_config has it: Fabric looks the rest (HostName, ProxyJump) up by its alias.
    alias = fabric.Connection(word, config=c.config.clone())
    return dataclasses.replace(host, user=alias.user, port=alias.port)


def _is(c: fabric.Connection, word: str) -> bool:
    """Tell whether a call's connection is the one of a word of `fab -H`."""
    given = c.derive_shorthand(word)
    return given["host"] == c.original_host and given["user"] in (None, c.user) and given["port"] in (None, c.port)


def _named() -> list[str]:
    """Return the hosts as `fab -H` was given them."""
    words = (fabric.main.program.args.hosts.value or "").split(",")
    return list(dict.fromkeys(word for word in words if word))


@dataclasses.dataclass(frozen=True)
class Choices:
    """What the command line says about a target: sources and licences beside those that it has."""

    sources: Mapping[str, str]
    licences: tuple[str, ...]

    @classmethod
    def parse(cls, accept: Sequence[str] | None, source: Sequence[str] | None) -> Self:
        """Read `--accept` and `--source`. Raises `BadInput`, also for a licence that no recipe comes under."""
        unknown = Catalogue().unknown_licences(accept) if accept else {}
        if unknown:
            raise BadInput(f"--accept {word}: {said}" for word, said in unknown.items())
        return cls(sources=pairs("source", source, "RECIPE=SOURCE"), licences=tuple(accept or ()))

    def on(self, target: Target) -> Target:
        """Return the target with these choices: a source here wins, licences add up."""
        sources = {**target.sources, **self.sources}
        licences = tuple(dict.fromkeys((*target.licences, *self.licences)))
        return dataclasses.replace(target, sources=sources, licences=licences)


def pairs(option: str, words: Sequence[str] | None, form: str) -> dict[str, str]:
    """Return what an option like `--source RECIPE=SOURCE` says, as a table. Raises `BadInput`."""
    table = dict(word.partition("=")[::2] for word in words or ())
    problems = [f"--{option} {key}={value}: write {form}" for key, value in table.items() if not (key and value)]
    if problems:
        raise BadInput(problems)
    return table


def save(option: str, goal: str, data: bytes) -> Path:
    """Write the file that an option ("--out") names, whole or not at all, and return it. Raises `BadInput`."""
    path = Path(goal).expanduser()
    if not path.name:
        raise BadInput([f'{option} "{goal}": name a file'])
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BadInput([f"{option} {goal}: {error.strerror}"], hint="name a file in a folder that is there") from error
    return path


def tell(message: str) -> None:
    """Say something that is no result: on standard error, so that `--json` and pipes stay clean."""
    print(message, file=sys.stderr, flush=True)


def target_of(host: Host, session: Session) -> Target:
    """Return what to render for on `host`; asks a machine that was only named for its image and GPU.

    Raises `BadInput` when that machine shows no GPU that gpurig knows, and none was declared.
    """
    if host.target is not None:
        return host.target
    facts = session.facts()
    found = _gpu_of(facts)
    problems = []
    if facts["os"] not in images():
        problems.append(f"{host} runs {facts['os']}; recipes know {', '.join(images())}")
    if found is None:
        there = f" (on its PCI bus there is {cards(facts)})" if facts["pci"] else ""
        declare = f'[host.box] with address = "{host.address}" and gpu = one of {", ".join([NO_GPU, *gpus()])}'
        problems.append(f"{host} shows no GPU that gpurig knows{there}; say in {inventory.HOSTS_FILE} what it has:")
        problems.append(declare)
    if problems or found is None:
        raise BadInput(problems)
    model, compute = found
    return Target(image=facts["os"], gpu=model, compute=compute, user=session.connection.user)


def _gpu_of(facts: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return model and compute capability of a machine's first known GPU: the driver's word, else the PCI bus'."""
    driven = [(gpu_model(name), compute) for name, compute, _ in facts["gpus"]]
    bare = [(gpu_model(name), "") for _, _, name in facts["pci"] if not driven]
    return next(((model, compute or gpus()[model].compute) for model, compute in driven + bare if model), None)


def cards(facts: Mapping[str, Any]) -> str:
    """Return the NVIDIA cards on a machine's PCI bus, as udev knows them."""
    return ", ".join(f"{name or 'an NVIDIA GPU'} (10de:{number}, slot {slot})" for slot, number, name in facts["pci"])


def gpu_model(name: str) -> str | None:
    """Return the known model in a name that `nvidia-smi` or udev gives ("Tesla V100-SXM2-16GB" → "V100")."""
    words = f" {' '.join(re.split(r'[^A-Za-z0-9]+', name))} "
    # The longest: an RTX 2080 Ti is no RTX 2080.
    return max((model for model in gpus() if f" {model} " in words), key=len, default=None)
