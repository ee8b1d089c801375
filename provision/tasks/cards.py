"""The GPUs of a machine, as it shows them itself: which to build for, what is the matter with them, how to say it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from provision.model.platforms import AUTO, gpu_model, gpus, pci_ids
from provision.model.project import HOSTS_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from provision.agent.wire.answers import Overview
    from provision.model.target import Target

    Facts = Mapping[str, Any]
    Row = Sequence[str]
    """Slot, number and udev's name of a card on the PCI bus."""

_UNCUT = "MIG is on and cuts it into nothing: no program sees it (sudo nvidia-smi mig -lgip: into what; -mig 0: off)"


def found(facts: Facts) -> list[tuple[str, str]]:
    """Return model and compute capability of each GPU: by the driver's word, and of the others by the PCI bus.

    A card that nobody knows is left out, unless the driver tells its capability: that is all that has to be known.
    """
    driven = [_told(name, compute) for name, compute, _ in facts["gpus"]]
    bare = [_told(_model(row) or "", "") for row in _unmatched(facts)]
    return [known for known in (*driven, *bare) if known]


def _told(name: str, compute: str) -> tuple[str, str] | None:
    model = gpu_model(name)
    if model:
        return model, compute or gpus()[model].compute
    plain = " ".join(re.sub(r"[^A-Za-z0-9._-]", " ", name.removeprefix("NVIDIA ")).split())[:64]
    return (plain, compute) if plain and re.fullmatch(r"\d{1,2}\.\d", compute) else None


def _model(row: Row) -> str | None:
    """Return the known model of a card on the PCI bus, by its number or by udev's name."""
    _, number, name = row
    return pci_ids().get(number) or gpu_model(name)


def _unmatched(facts: Facts) -> list[Row]:
    """Return the cards of known models on the PCI bus that are no card of the same model which a driver shows.

    nvidia-smi is not asked for slots. What is not known, such as an old card that a screen hangs on, is left out.
    """
    shown = Counter(gpu_model(name) for name, _, _ in facts["gpus"])
    left = []
    for row in facts["pci"]:
        model = _model(row)
        if model and shown[model]:
            shown[model] -= 1
        elif model:
            left.append(row)
    return left


def _hidden(facts: Facts) -> list[Row]:
    """Return the cards of known models that nvidia-smi does not show beside those that it does."""
    # As many as are on the bus: then it shows all, though not each by a name that is known.
    return _unmatched(facts) if 0 < len(facts["gpus"]) < len(facts["pci"]) else []


def not_shown(facts: Facts) -> str:
    """Return the cards that nvidia-smi does not show beside those that it does; "" where there is none that counts."""
    return _named(_hidden(facts))


def unknown(facts: Facts) -> str:
    """Return the cards that a driver shows, and of which neither it nor anything else tells the capability."""
    names = [name for name, compute, _ in facts["gpus"] if not _told(name, compute)]
    left = _unmatched(facts)
    strange = any(not _model(row) for row in facts["pci"])
    return ", ".join(names) if strange or len(left) < len(names) else ""


def on_the_bus(facts: Facts) -> str:
    """Return the NVIDIA cards on a machine's PCI bus, as udev knows them, or the list of ids here."""
    return _named(facts["pci"])


def _named(rows: Sequence[Row]) -> str:
    return ", ".join(
        f"{name or pci_ids().get(number) or 'an NVIDIA GPU'} (10de:{number}, slot {slot})"
        for slot, number, name in rows
    )


def to_build_for(facts: Facts) -> tuple[str, str]:
    """Return the model and capability whose code runs on every GPU of a machine: the oldest one's of a generation."""
    return min(found(facts), key=lambda card: [int(part) for part in card[1].split(".")])


def of_two_kinds(facts: Facts) -> str:
    """Return the GPUs of a machine where they are of different generations; "" where they are not."""
    there = found(facts)
    generations = {compute.partition(".")[0] for _, compute in there}
    return ", ".join(f"{model} ({compute})" for model, compute in there) if len(generations) > 1 else ""


def problems(facts: Facts, target: Target, host: str) -> list[str]:
    """Return why nothing that is built for a target can compute on the GPUs that a driver sees on a host."""
    if not facts["gpus"]:
        return []  # the driver may come yet
    if all(instances == [] for instances in facts["mig"]):
        return [f"{host}, {facts['gpus'][0][0]}: {_UNCUT}"]
    there = [(name, compute) for name, compute, _ in facts["gpus"] if compute]
    if not there or any(_runs(target.compute, compute) for _, compute in there):
        return []
    cards = ", ".join(f"{name} ({compute})" for name, compute in there)
    what = f"what is built for {target.gpu}, compute {target.compute}, does not run on what {host} has: {cards}"
    if target.gpu in map(_model, _hidden(facts)):
        return [f"{what}; nvidia-smi does not show {not_shown(facts)}: its driver has to come first, or to be mended"]
    return [f'{what}; say gpu = "{AUTO}" in {HOSTS_FILE}, or the card itself']


def _runs(built: str, card: str) -> bool:
    """Return whether code for one capability runs on a card of another: the same generation, and no older."""
    (major, minor), (its_major, its_minor) = built.split("."), card.split(".")
    return major == its_major and int(minor) <= int(its_minor)


def lines(answer: Overview) -> Iterator[str]:
    """Yield what each GPU is and, as far as the driver tells, how busy, full and warm; and what is the matter."""
    for number, (name, compute, driver) in enumerate(answer["gpus"]):
        use, used, memory, celsius = [*answer["loads"], *[[""] * 4] * len(answer["gpus"])][number]
        known = [
            (use, f"{use} % busy"),
            (used, f"{_mib(used)} of {_mib(memory)} GiB in use"),
            (celsius, f"{celsius} °C"),
        ]
        # What a model cannot tell, nvidia-smi says in brackets.
        signs = [words for value, words in known if value.replace(".", "").isdecimal()]
        yield ", ".join([f"{name} (compute {compute or 'unknown'}, driver {driver})", *signs])
        instances = answer["mig"][number] if number < len(answer["mig"]) else None
        if instances is not None:
            cut = f"MIG cuts it into {', '.join(instances)}: a program sees one of them" if instances else _UNCUT
            yield f"  {cut}"
    if not answer["gpus"]:
        yield "none that a driver sees"
    yield from _in_the_way(answer)


def _mib(text: str) -> str:
    return f"{float(text) / 1024:.1f}" if text.isdecimal() else "?"


def _in_the_way(answer: Overview) -> list[str]:
    """Say what keeps NVIDIA's driver from a GPU that is there, or will; and what keeps a build from running on all."""
    kinds = of_two_kinds(answer)
    signs = {
        f"of different generations: what is built for one does not run on the others: {kinds}": kinds,
        f"on the PCI bus, without a driver: {on_the_bus(answer)}": answer["pci"] and not answer["gpus"],
        f"on the PCI bus, and nvidia-smi does not show it: {not_shown(answer)}": not_shown(answer),
        f"nvidia-smi says: {answer['silent']}": answer["silent"],
        "nouveau is loaded, and holds the GPU": answer["nouveau"],
        "Secure Boot is on: NVIDIA's unsigned modules will not load": answer["secure_boot"],
    }
    return [sign for sign, holds in signs.items() if holds]
