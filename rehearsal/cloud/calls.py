"""What a client asked for: an AWS call read from its HTTP request, and the log of all calls."""

from __future__ import annotations

import dataclasses
import json
import re
import threading
import urllib.parse
from collections import deque
from typing import TYPE_CHECKING, Any

from rehearsal.cloud import clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rehearsal.cloud.permissions import Wish

KEPT_CALLS = 20_000
REST_JSON = ("scheduler",)
"""Services that speak JSON under paths of their own."""
READ_ONLY = ("Describe", "Get", "List", "GET ", "HEAD ")
# An allow-list, so that a parameter nobody thought of (user data, policies, key material) cannot end up in a file.
_TELLING = re.compile(
    r"(Id|Ids|Name|Names|Type|Types|Zone|Size|Device|Port|Protocol|DryRun|Attribute|Cidr\w*|Block|Tier|RoleArn|Seconds)$"
)
_SECRET = re.compile(r"AccessKey|Secret|Token|Password|Credential", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Call:
    """One API call: `params` flat, keys dotted and without list positions (`NetworkInterface.SubnetId`)."""

    service: str
    """The name in the request's signature: ec2, ssm, iam…; empty where it is unsigned."""
    action: str
    """RunInstances, or "GET /path" for REST services."""
    params: tuple[tuple[str, str], ...]
    is_json: bool
    """True where the call came as JSON."""
    by: str = ""
    """The AWS service that made the call itself (scheduler.amazonaws.com); "" for a client's."""

    @property
    def speaks_json(self) -> bool:
        """True where the service answers in JSON; of those that are asked by paths, S3 alone does not."""
        return self.is_json or (" /" in self.action and self.service != "s3")

    @property
    def read_only(self) -> bool:
        """True where doing it twice changes nothing."""
        return self.action.startswith(READ_ONLY)

    def telling(self) -> dict[str, Any]:
        """Return the parameters worth reading and safe to write down; one given several times becomes a list."""
        parameters: dict[str, Any] = {}
        for key, value in self.params:
            if _TELLING.search(key) and not _SECRET.search(key):
                parameters.setdefault(key, []).append(value)
        return {key: values[0] if len(values) == 1 else values for key, values in parameters.items()}


def credential(environ: Mapping[str, Any]) -> str:
    """Return the credential of a signature, `KEY/DAY/REGION/SERVICE/aws4_request`; "" where there is none."""
    signature = re.search(r"Credential=([^,\s]*)", environ.get("HTTP_AUTHORIZATION", ""))
    in_a_link = dict(urllib.parse.parse_qsl(environ.get("QUERY_STRING", "")))
    return signature.group(1) if signature else in_a_link.get("X-Amz-Credential", "")


def read(environ: Mapping[str, Any], body: bytes) -> Call:
    """Read the call from a WSGI environment and its body."""
    signed = credential(environ).split("/")
    service = signed[3] if len(signed) > 3 else ""
    agent = environ.get("HTTP_USER_AGENT", "").partition(" ")[0]
    by = agent if agent.endswith(".amazonaws.com") else ""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        try:
            document = json.loads(body or b"{}")
        except ValueError:
            document = {}  # the service itself answers what it thinks of it
        return Call(
            service=service, action=target.rpartition(".")[2], params=tuple(_flat(document)), is_json=True, by=by
        )
    # What S3 is asked for stands in the address; its bodies are files.
    asked = environ.get("QUERY_STRING", "") if service == "s3" else body.decode("utf-8", "replace")
    form = urllib.parse.parse_qsl(asked, keep_blank_values=True)
    action = dict(form).get("Action", f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '')}")
    params = tuple(
        (re.sub(r"\.\d+(?=\.|$)", "", key), value) for key, value in form if key not in ("Action", "Version")
    )
    return Call(service=service, action=action, params=params, is_json=service in REST_JSON, by=by)


def _flat(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _flat(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list):
        for value in node:
            yield from _flat(value, path)
    else:
        yield path, str(node).lower() if isinstance(node, bool) else str(node)


class CallLog:
    """Every call with its outcome, in memory for tests and appended to a file for people."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._calls: deque[dict[str, Any]] = deque(maxlen=KEPT_CALLS)
        self._lock = threading.Lock()

    def add(self, call: Call, *, status: int, seconds: float, note: str, wishes: Sequence[Wish] = ()) -> None:
        """Record an answered call; `note` is empty, "fault", "replayed", "lost", "denied", or why AWS did not even try.

        `wishes` is what it had to be allowed, where its caller is a user of the account.
        """
        entry = {
            "time": round(clock.now(), 3),
            "service": call.service,
            "action": call.action,
            "params": call.telling(),
            "status": status,
            "seconds": round(seconds, 4),
            **({"wishes": [dataclasses.asdict(wish) for wish in wishes]} if wishes else {}),
            **({"note": note} if note else {}),
            **({"by": call.by} if call.by else {}),
        }
        with self._lock:
            self._calls.append(entry)
            with self._path.open("a") as file:
                file.write(json.dumps(entry) + "\n")

    def all(self) -> list[dict[str, Any]]:
        """Return the calls since the last `clear`, oldest first."""
        with self._lock:
            return list(self._calls)

    def clear(self) -> None:
        """Forget the calls in memory; the file keeps them."""
        with self._lock:
            self._calls.clear()
