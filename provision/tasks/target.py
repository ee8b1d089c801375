"""What is rendered for a host: what is declared of it, or what the machine says of itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from provision.model.errors import BadInput
from provision.model.platforms import NO_GPU, gpus, images
from provision.model.project import HOSTS_FILE
from provision.model.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provision.model.host import Host
    from provision.transport.session import Session


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
        problems.append(f"{host} shows no GPU that gpurig knows{there}; say in {HOSTS_FILE} what it has:")
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
