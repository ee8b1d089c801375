"""Let an error on purpose end the program as a message, not as a traceback."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

import pulumi

from provision.model.errors import GpurigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Given = TypeVar("Given")
Made = TypeVar("Made")


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Turn a `GpurigError` into what Pulumi shows as a plain error, every problem on a line of its own."""
    try:
        yield
    except GpurigError as error:
        raise pulumi.RunError(str(error)) from error


def refusing(make: Callable[[Given], Made]) -> Callable[[Given], Made]:
    """Return `make` for use in an apply, where an error passes by the program's own `refusals`."""

    def made(given: Given) -> Made:
        with refusals():
            return make(given)

    return made
