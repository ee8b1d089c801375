"""What the tasks share: errors become one line and an exit code, and `-H`, hosts file or stack become hosts."""

from __future__ import annotations

import dataclasses
import functools
import re
import sys
from typing import TYPE_CHECKING, Any, Self

import fabric
import fabric.main
from invoke.exceptions import Exit

from provision import inventory
from provision.errors import BadInput, GpurigError
from provision.platforms import NO_GPU, gpus, images
from provision.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from provision.inventory import Host
    from provision.session import Session

CHOICES_HELP = {
    "source": "RECIPE=SOURCE: where to take a recipe from; may be given more than once",
    "accept": "a licence that you have read and accept; may be given more than once",
}

STOPPED = "stopped watching; what runs on the host goes on, and the same command finds it again"
# The exit codes of the hosts that failed: with `-H a,b` Fabric calls a task once per host, and `ending` once after all.
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

        return fabric.task(**options)(guarded)

    return decorate


@fabric.task  # type: ignore[untyped-decorator] # fabric has no types
def ending(_c: Any) -> None:
    """End the program with the code of the first host that failed: the `post` of every task that uses `each`."""
    if _codes:
        raise Exit(code=_codes[0])


def each(c: Any, action: Callable[[Host], None]) -> None:
    """Do something on every host; one that fails is told at once and keeps no other waiting."""
    for host in hosts_for(c):
        try:
            action(host)
        except GpurigError as error:
            tell(f"error: {error}")
            _codes.append(error.exit_code)


def hosts_for(c: Any) -> list[Host]:
    """Return the host that `fab -H` gave this task, or all hosts of the hosts file or the stack."""
    if not isinstance(c, fabric.Connection):
        return inventory.load()
    shorthands = [c.derive_shorthand(word) for word in _named()]
    given = next(
        row
        for row in shorthands
        if row["host"] == c.original_host and row["user"] in (None, c.user) and row["port"] in (None, c.port)
    )
    host = inventory.named(c.original_host, user=given["user"], port=given["port"])
    # A machine that no file knows is as ssh_config has it: Fabric looks the rest (HostName, ProxyJump) up by its alias.
    return [host if host.target else dataclasses.replace(host, user=c.user, port=c.port)]


def one_host(c: Any, name: str, *, option: str = "--name") -> Host:
    """Return the only host, or the one of that name, which `option` gives. Raises `BadInput`."""
    if isinstance(c, fabric.Connection) and len(_named()) > 1:
        raise BadInput([f"this task works on one host; -H names {len(_named())}: {', '.join(_named())}"])
    hosts = hosts_for(c)
    fits = [host for host in hosts if name in ("", host.name, host.address)]
    if len(fits) != 1:
        names = ", ".join(host.name for host in hosts)
        raise BadInput([f"{len(fits)} hosts fit; say which by {option}: {names}"])
    return fits[0]


def _named() -> list[str]:
    """Return the hosts as `fab -H` was given them."""
    return [word for word in (fabric.main.program.args.hosts.value or "").split(",") if word]


@dataclasses.dataclass(frozen=True)
class Choices:
    """What the command line says about a target: sources and licences beside those that it has."""

    sources: Mapping[str, str]
    licences: tuple[str, ...]

    @classmethod
    def parse(cls, accept: Sequence[str] | None, source: Sequence[str] | None) -> Self:
        """Read `--accept` and `--source`. Raises `BadInput`."""
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


def tell(message: str) -> None:
    """Say something that is no result: on standard error, so that `--json` and pipes stay clean."""
    print(message, file=sys.stderr, flush=True)


def target_of(host: Host, session: Session) -> Target:
    """Return what to render for on `host`; asks a machine that was only named for its image and GPU.

    Raises `BadInput` when that machine shows no GPU that gpurig knows, and none was declared.
    """
    if host.target is not None:
        return host.target
    facts = session.one("facts")
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
