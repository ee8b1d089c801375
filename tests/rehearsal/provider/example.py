"""What an example of a resource type consists of, and the words that examples share."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

Values = dict[str, Any]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8jVzJQhwMq1Vd2sXhbXh4XJ3pN6yq0kVb8hQ1n8m2T"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA1bVzJQhwMq1Vd2sXhbXh4XJ3pN6yq0kVb8hQ1n8m2U"
IMAGE, OTHER_IMAGE = "ami-0a220000020260901", "ami-0a220000020260101"
ZONE, OTHER_ZONE = "us-east-1a", "us-east-1b"


@dataclasses.dataclass(frozen=True)
class Ref:
    """The id (or another output) of an example that must be there first."""

    name: str
    output: str = "id"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    token: str
    inputs: Values
    updates: tuple[Values, ...] = ()
    """Changes in place, one after the other."""
    replaces: Values = dataclasses.field(default_factory=dict)
    """Property to a value that takes a new resource."""


def text64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def policy(action: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


TAGS: tuple[Values, ...] = ({"tags": {"Name": "other", "a.b": "c"}}, {"tags": {"project": "mine"}}, {"tags": None})
