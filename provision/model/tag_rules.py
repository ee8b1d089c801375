"""What the tags of a user may be, so that EC2, IAM and Budgets all take them beside the program's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 30
"""Tags of a user: AWS takes 50 of a resource, and the program needs up to 20 for itself."""
KEY, VALUE = 128, 256
"""Characters at most."""
OURS, AWSS = "gpurig:", "aws:"
_ALLOWED = re.compile(r"[\w\s.:/=+\-@]*")
"""IAM's and Budgets' characters; EC2 would take more."""


class WrongTags(ValueError):
    """Tags that AWS, or the program, does not take; the message says which and why."""


def check(tags: Mapping[str, str]) -> None:
    """Raise `WrongTags` for the first that does not do."""
    if len(tags) > MOST:
        raise WrongTags(f"{len(tags)} tags are too many: {MOST} at most, as AWS takes 50 and the program has its own")
    if len({key.casefold() for key in tags}) < len(tags):
        raise WrongTags("two keys differ in capitals alone, which IAM takes for the same")
    for key, value in tags.items():
        if problem := _problem(key, value):
            raise WrongTags(f'"{key}": {problem}')


def _problem(key: str, value: str) -> str:
    lower = key.casefold()
    if lower == "name" or lower.startswith(OURS):
        return f"Name and {OURS}… are the program's own"
    if lower.startswith(AWSS):
        return f"{AWSS}… are AWS's own"
    if not key or len(key) > KEY or len(value) > VALUE:
        return f"a key has 1 to {KEY} characters, a value {VALUE} at most"
    if not (_ALLOWED.fullmatch(key) and _ALLOWED.fullmatch(value)):
        return "letters, digits, blanks and _ . : / = + - @ are what IAM takes"
    return ""
