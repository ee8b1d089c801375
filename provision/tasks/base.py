"""What the tasks share: errors become one line and an exit code, and `-H`, hosts file or stack become hosts."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import fabric
from invoke.exceptions import Exit

from provision import inventory
from provision.errors import BadInput, GpurigError
from provision.platforms import NO_GPU, gpus, images
from provision.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from provision.inventory import Host
    from provision.session import Session


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


def hosts_for(c: Any) -> list[Host]:
    """Return the host that `fab -H` gave this task, or all hosts of the hosts file or the stack."""
    if isinstance(c, fabric.Connection):
        return [inventory.named(c.host, user=c.user, port=c.port)]
    return inventory.load()


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
    model = _model(facts["gpus"])
    if model is None:
        declare = f'[host.{host.name}] with address = "{host.address}" and gpu = "{NO_GPU}" or a model'
        problems.append(f"{host} shows no GPU that gpurig knows; say what it has in {inventory.HOSTS_FILE}: {declare}")
    if problems or model is None:
        raise BadInput(problems)
    return Target(image=image, gpu=model, compute=facts["gpus"][0][1], user=host.user)


def _model(rows: list[list[str]]) -> str | None:
    """Return the known GPU model that `nvidia-smi` named first ("Tesla T4" → "T4")."""
    words = rows[0][0].split() if rows else []
    return next((model for model in gpus() if model in words), None)
