"""`fab render`: the cloud-init user-data of a recipe as a file, for any cloud or console."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

from provision.bundle import cloud_init
from provision.bundle import render as bundle
from provision.model.errors import BadInput, NoHosts
from provision.model.platforms import AUTO, NO_GPU, gpus, images
from provision.model.target import Target
from provision.tasks.output import save, tell
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from provision.tasks.context import Context

_WAY_OUT = 'say what the box is: --gpu T4 (or "none")'


@verb(
    options={
        "recipe": "what the box installs at its first boot",
        "out": "file to write",
        "text": "write it uncompressed, where a console takes no binary file",
        "gpu": 'GPU model of the box, or "none"; without it, the target of a known host counts',
        "image": f"image of the box; without it, that of the target, or {Target.image} beside --gpu",
    },
    argument="recipe",
    choices=True,
    limit="which host's target, where there are several",
)
def render(
    c: Context,
    *,
    recipe: str = "base",
    out: str = "user-data.gz",
    text: bool = False,
    gpu: str = "",
    image: str = "",
) -> None:
    """Write the cloud-init user-data of a recipe to a file: the bytes that `pulumi up` sends."""
    choices = c.choices
    target = _declared(gpu) if gpu else _known(c)
    made = bundle.render([recipe], choices.on(_with_image(target, image)))
    data = cloud_init.cloud_config(made).encode() if text else cloud_init.user_data(made, limit=sys.maxsize)
    save("--out", out, data)
    if len(data) > cloud_init.LIMIT:
        tell(f"{out} has more than the {cloud_init.LIMIT} bytes that EC2 takes; most other clouds take it")
    steps = ", ".join(step.name for step in made.steps)
    print(f"{out}: {len(data)} bytes, {'text' if text else 'gzip'}; installs {steps}; bundle {made.digest[:12]}")


def _known(c: Context) -> Target:
    """Return the target of a host that `-H`, the hosts file or the stack names. Raises `BadInput`."""
    try:
        host = c.one_host()
    except NoHosts as error:
        raise BadInput([str(error.what)], hint=_WAY_OUT) from error
    if host.target is None or host.target.gpu == AUTO:
        raise BadInput([f"nothing says what GPU {host} has"], hint=_WAY_OUT)
    return host.target


def _declared(gpu: str) -> Target:
    """Return a target with that GPU. Raises `BadInput`."""
    if gpu != NO_GPU and gpu not in gpus():
        raise BadInput([f"--gpu {gpu}: unknown; allowed: {NO_GPU}, {', '.join(gpus())}"])
    return Target(gpu=gpu, compute=gpus()[gpu].compute if gpu in gpus() else Target.compute)


def _with_image(target: Target, image: str) -> Target:
    """Return the target with another image, and the account which that image has."""
    if not image or image == target.image:
        return target
    user = images()[image].user if image in images() else target.user
    return dataclasses.replace(target, image=image, user=user)
