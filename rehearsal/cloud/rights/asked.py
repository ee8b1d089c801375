"""A call with all that it says, for those who find out what it has to be allowed."""

from __future__ import annotations

import dataclasses
import json
import re
import urllib.parse
from typing import TYPE_CHECKING, Any

from rehearsal.cloud.permissions import Wish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.cloud.calls import Call


@dataclasses.dataclass(frozen=True)
class Asked:
    """A call, and where it is made."""

    action: str
    """RunInstances, or "GET /path" for REST services."""
    said: Mapping[str, Any]
    """Its parameters: by their positions (`Tag.1.Key`) as EC2 and IAM write them, else as JSON has them."""
    account: str
    region: str

    @classmethod
    def read(cls, call: Call, body: bytes, account: str, region: str) -> Asked:
        """Read it from a request."""
        if call.service == "s3":
            said: dict[str, Any] = dict(call.params)
        elif call.is_json:
            said = json.loads(body or b"{}")
        else:
            said = dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        return cls(call.action, said, account, region)

    def tags(self, before: str) -> dict[str, str]:
        """Return the tags at `Tag.1.Key`, `Tag.1.Value` of a request, as the keys of conditions."""
        keys = {
            key.removesuffix(".Key"): value
            for key, value in self.said.items()
            if re.fullmatch(rf"{before}\.\d+\.Key", key)
        }
        return {f"aws:RequestTag/{key}": self.said.get(f"{place}.Value", "") for place, key in keys.items()}


def passing(arn: str, service: str) -> Wish:
    """Return the right to hand a role to a service."""
    return Wish(action="iam:PassRole", resource=arn, context={"iam:PassedToService": service})
