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

# The exit codes of the hosts that failed: with `-H a,b` Fabric calls a task once per host, and `ending` once after all.
_codes: list[int] = []


def task(**options: Any) -> Callable[[Callable[..., None]], Any]:
    """Make a Fabric task whose `GpurigError`s end the program with a message and the error's exit code."""

    def decorate(body: Callable[..., None]) -> Any:
        @functools.wraps(body)
        def guarded(*args: Any, **kwargs: Any) -> None:
            try:
                body(*args, **kwargs)
            except GpurigError as error:
                raise Exit(f"error: {error}", error.exit_code) from error
            except KeyboardInterrupt:
                message = "stopped watching; what runs on the host goes on, and the same command finds it again"
                raise Exit(message, 130) from None

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


def one_host(c: Any, name: str) -> Host:
    """Return the only host, or the one of that name. Raises `BadInput`."""
    if isinstance(c, fabric.Connection) and len(_named()) > 1:
        raise BadInput([f"this task works on one host; -H names {len(_named())}: {', '.join(_named())}"])
    hosts = hosts_for(c)
    fits = [host for host in hosts if name in ("", host.name, host.address)]
    if len(fits) != 1:
        names = ", ".join(host.name for host in hosts)
        raise BadInput([f"{len(fits)} hosts fit; say which by --name: {names}"])
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

    Raises `BadInput` when that machine shows no GPU and none was declared.
    """
    if host.target is not None:
        return host.target
    facts = session.one("facts")
    image = facts["os"]
    problems = []
    if image not in images():
        problems.append(f"{host} runs {image}; recipes know {', '.join(images())}")
    model = gpu_model(facts["gpus"][0][0]) if facts["gpus"] else None
    if model is None:
        declare = f'[host.{host.name}] with address = "{host.address}" and gpu = "{NO_GPU}" or a model'
        problems.append(f"{host} shows no GPU that gpurig knows; say what it has in {inventory.HOSTS_FILE}: {declare}")
    if problems or model is None:
        raise BadInput(problems)
    return Target(image=image, gpu=model, compute=facts["gpus"][0][1], user=session.connection.user)


def gpu_model(name: str) -> str | None:
    """Return the known model in a name that `nvidia-smi` gives ("Tesla V100-SXM2-16GB" → "V100")."""
    words = re.split(r"[ -]+", name)
    return next((model for model in gpus() if model in words), None)
