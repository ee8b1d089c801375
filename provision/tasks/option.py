"""To read the values of options: `--source` and `--accept`, tables of the form NAME=VALUE, numbers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Self

from provision.model.checks import whole_of
from provision.model.errors import BadInput
from provision.model.schema import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provision.model.target import Target


@dataclasses.dataclass(frozen=True)
class Choices:
    """What the command line says about a target: sources and licences beside those that it has."""

    sources: Mapping[str, str]
    licences: tuple[str, ...]

    @classmethod
    def parse(cls, accept: Sequence[str] | None, source: Sequence[str] | None) -> Self:
        """Read `--accept` and `--source`. Raises `BadInput`, also for a licence that no recipe comes under."""
        if unknown := _unknown_licences(accept) if accept else {}:
            raise BadInput(f"--accept {word}: {problem}" for word, problem in unknown.items())
        return cls(sources=pairs("source", source, "RECIPE=SOURCE"), licences=tuple(accept or ()))

    def on(self, target: Target) -> Target:
        """Return the target with these choices: a source here wins, licences add up."""
        sources = {**target.sources, **self.sources}
        licences = tuple(dict.fromkeys((*target.licences, *self.licences)))
        return dataclasses.replace(target, sources=sources, licences=licences)


def _unknown_licences(words: Sequence[str]) -> dict[str, str]:
    from provision.catalogue.catalogue import Catalogue  # noqa: PLC0415 - the recipes say which there are

    return Catalogue().unknown_licences(words)


def pairs(option: str, words: Sequence[str] | None, form: str) -> dict[str, str]:
    """Return what an option like `--source RECIPE=SOURCE` says, as a table. Raises `BadInput`."""
    table = dict(word.partition("=")[::2] for word in words or ())
    problems = [f"--{option} {key}={value}: write {form}" for key, value in table.items() if not (key and value)]
    if problems:
        raise BadInput(problems)
    return table


def whole_number(option: str, word: str, most: int) -> int:
    """Return an option's number. Raises `BadInput`."""
    number = whole_of(word)
    if number is None or not 1 <= number <= most:
        raise BadInput([f"--{option} {plain(word)}: write a number from 1 to {most}"])
    return number
