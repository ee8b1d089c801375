"""One example of every resource type, out of `examples.yaml`, and the words that tests share with them."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import Any

import yaml

Values = dict[str, Any]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8jVzJQhwMq1Vd2sXhbXh4XJ3pN6yq0kVb8hQ1n8m2T"
IMAGE, OTHER_IMAGE = "ami-0a220000020260901", "ami-0a220000020260101"
_TAGS: list[Values] = [{"tags": {"Name": "other", "a.b": "c"}}, {"tags": {"project": "mine"}}, {"tags": None}]


@dataclasses.dataclass(frozen=True)
class Ref:
    """The id of an example that must be there first."""

    name: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    token: str
    inputs: Values
    updates: list[Values]
    """Changes in place, one after the other."""
    replaces: Values
    """Property to a value that takes a new resource."""
    needs: tuple[Ref, ...]
    """What has to be there first, and is named otherwise than by its id."""


def text64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _referring(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _referring(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_referring(part) for part in value]
    return Ref(value[1:]) if isinstance(value, str) and value.startswith("$") else value


def _example(
    token: str,
    inputs: Values,
    *,
    updates: Any = (),
    replaces: Any = (),
    tagged: bool = False,
    needs: Any = (),
) -> Example:
    changes = [*_referring(list(updates)), *(_TAGS if tagged else [])]
    return Example(
        token=token,
        inputs=_referring(inputs),
        updates=changes,
        replaces=_referring(dict(replaces)),
        needs=tuple(_referring(list(needs))),
    )


EXAMPLES: dict[str, Example] = {
    name: _example(**example)
    for name, example in yaml.safe_load(Path(__file__).with_name("examples.yaml").read_text()).items()
}
