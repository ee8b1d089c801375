"""`fab render`: the cloud-init user-data of a recipe as a file, for any cloud or console."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

from provision import bundle, cloud_init, inventory
from provision.errors import BadInput, NoHosts
from provision.platforms import gpus
from provision.target import Target
from provision.tasks.base import task, tell


@task(
    help={
        "recipe": "what the box installs at its first boot",
        "out": "file to write",
        "text": "write it uncompressed, to read it or where a console takes no binary file",
        "gpu": 'GPU model of the box, or "none"; without it, the target of the hosts file or the stack counts',
        "image": "image of the box",
        "source": "RECIPE=SOURCE: where to take a recipe from; may be given more than once",
        "accept": "a licence that you have read and accept; may be given more than once",
    },
    iterable=["source", "accept"],
)
def render(
    _c: Any,
    recipe: str = "base",
    out: str = "user-data.gz",
    *,
    text: bool = False,
    gpu: str = "",
    image: str = Target.image,
    source: list[str] | None = None,
    accept: list[str] | None = None,
) -> None:
    """Write the cloud-init user-data of a recipe to a file: the bytes that `pulumi up` sends."""
    target = _declared(gpu, image, source or [], accept or []) if gpu else _known()
    made = bundle.render([recipe], target)
    data = cloud_init.cloud_config(made).encode() if text else cloud_init.user_data(made, limit=sys.maxsize)
    path = Path(out)
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)
    if len(data) > cloud_init.LIMIT:
        tell(f"{out} has more than the {cloud_init.LIMIT} bytes that EC2 takes; most other clouds take it")
    steps = ", ".join(step.name for step in made.steps)
    print(f"{path}: {len(data)} bytes, {'text' if text else 'gzip'}; installs {steps}; bundle {made.digest[:12]}")


def _known() -> Target:
    """Return the target of the first host that the hosts file or the stack knows."""
    try:
        hosts = inventory.load()
    except NoHosts as error:
        raise BadInput([str(error.what)], hint='or say what the box is: --gpu T4 (or "none")') from error
    target = hosts[0].target
    return dataclasses.replace(target) if target else Target()


def _declared(gpu: str, image: str, source: list[str], accept: list[str]) -> Target:
    """Return a target from the command line. Raises `BadInput`."""
    pairs = dict(word.partition("=")[::2] for word in source)
    problems = [
        f"--source {name}={value}: write RECIPE=SOURCE" for name, value in pairs.items() if not (name and value)
    ]
    if gpu != "none" and gpu not in gpus():
        problems.append(f"--gpu {gpu}: unknown; allowed: none, {', '.join(gpus())}")
    if problems:
        raise BadInput(problems)
    compute = gpus()[gpu].compute if gpu in gpus() else Target.compute
    return Target(image=image, gpu=gpu, compute=compute, sources=pairs, licences=tuple(accept))
