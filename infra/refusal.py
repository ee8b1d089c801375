"""Let an error on purpose end the program as a message, not as a traceback."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pulumi

from provision.model.errors import GpurigError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Turn a `GpurigError` into what Pulumi shows as a plain error, every problem on a line of its own.

    Around what an apply calls too, `refusals()(function)`: its errors do not pass through the program's own `with`.
    """
    try:
        yield
    except GpurigError as error:
        raise pulumi.RunError(str(error)) from error
