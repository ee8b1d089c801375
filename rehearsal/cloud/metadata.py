"""What an instance hears at http://169.254.169.254: EC2's instance metadata service, version "latest".

As the EC2 User Guide has it ("Access instance metadata", "Instance metadata categories"): a session token by PUT, 400
for one that is not well asked for, 401 for a request without a good one where tokens are required, 403 where the
service is off, 404 for what there is not. The role's credentials are not here: moto checks none.
"""

from __future__ import annotations

import base64
import http
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from rehearsal.cloud import clock
from rehearsal.cloud.hooks import spot_request
from rehearsal.hypervisor import Reply

if TYPE_CHECKING:
    from rehearsal.cloud.interruptions import Interruptions
    from rehearsal.hypervisor import Question

LIFETIMES = range(1, 21601)
"""Seconds that a session token may live."""
_PAGE = """<?xml version="1.0" encoding="iso-8859-1"?>
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head><title>{0}</title></head>
 <body><h1>{0}</h1></body>
</html>
"""


class Metadata:
    """The service of all instances of one cloud."""

    def __init__(self, interruptions: Interruptions) -> None:
        self._interruptions = interruptions
        self._tokens: dict[str, tuple[str, float]] = {}
        """Token → the instance that it was given to, and the end of its life."""

    def answer(self, instance: Any, question: Question) -> Reply:
        """Answer one request of an instance."""
        if question.path == "/latest/api/token" and instance.metadata_options.http_endpoint != "disabled":
            return self._token(instance, question)
        if wrong := self._wrong(instance, question):
            return _refused(wrong)
        found = _look_up(self._tree(instance), question.path)
        if found is None:
            return _refused(404)
        headers = {"Content-Type": "text/plain"}
        return Reply(status=200, headers=headers, body=b"" if question.method == "HEAD" else found)

    def _wrong(self, instance: Any, question: Question) -> int:
        """Return the status that refuses a request for metadata, 0 where it is answered."""
        options, given = instance.metadata_options, question.headers.get("x-aws-ec2-metadata-token")
        signs = {
            403: options.http_endpoint == "disabled",
            405: question.method not in ("GET", "HEAD"),
            401: options.http_tokens == "required" if given is None else not self._is_good(given, instance.id),
        }
        return next((status for status, holds in signs.items() if holds), 0)

    def _token(self, instance: Any, question: Question) -> Reply:
        if question.method != "PUT":
            return _refused(405)
        if "x-forwarded-for" in question.headers:
            return _refused(403)
        asked = question.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if not (asked.isdecimal() and int(asked) in LIFETIMES):
            return _refused(400)
        token = secrets.token_urlsafe(42)
        self._tokens[token] = (instance.id, time.monotonic() + int(asked))
        headers = {"Content-Type": "text/plain", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds": asked}
        hops = int(instance.metadata_options.http_put_response_hop_limit)
        return Reply(status=200, headers=headers, body=token.encode(), hops=hops)

    def _is_good(self, token: str, instance_id: str) -> bool:
        owner, ends = self._tokens.get(token, ("", 0.0))
        if ends < time.monotonic():
            self._tokens.pop(token, None)
            return False
        return owner == instance_id

    def _tree(self, instance: Any) -> dict[str, str | bytes]:
        """Return path → text of all that there is to read."""
        about: dict[str, str | bytes] = {
            "ami-id": instance.image_id,
            "hostname": instance.private_dns_name,
            "instance-id": instance.id,
            "instance-life-cycle": "spot" if spot_request(instance) else "on-demand",
            "instance-type": instance.instance_type,
            "local-hostname": instance.private_dns_name,
            "local-ipv4": instance.private_ip,
            "placement/availability-zone": instance.availability_zone,
            "placement/region": instance.ec2_backend.region_name,
            "security-groups": "\n".join(group.name for group in instance.security_groups),
            **({"public-ipv4": address} if (address := instance.nics[0].public_ip) else {}),
            **self._notices(instance.id),
        }
        if instance.metadata_options.instance_metadata_tags == "enabled":
            about |= {f"tags/instance/{tag['key']}": tag["value"] for tag in instance.get_tags()}
        tree: dict[str, str | bytes] = {f"meta-data/{key}": value for key, value in about.items()}
        if instance.user_data:
            tree["user-data"] = base64.b64decode(str(instance.user_data))
        return tree

    def _notices(self, instance_id: str) -> dict[str, str]:
        notice = self._interruptions.notice_of(instance_id)
        found = {}
        if notice.recommended is not None:
            told = json.dumps({"noticeTime": _moment(notice.recommended)})
            found["events/recommendations/rebalance"] = told
        if notice.ends is not None:
            found["spot/instance-action"] = json.dumps({"action": "terminate", "time": _moment(notice.ends)})
            found["spot/termination-time"] = _moment(notice.ends)
        return found


def _look_up(tree: dict[str, str | bytes], path: str) -> bytes | None:
    """Return what is at a path: a value, or the names below it; None where there is neither."""
    top, _, name = path.partition("?")[0].strip("/").partition("/")
    if top != "latest":
        return None
    if name in tree:
        value = tree[name]
        return value if isinstance(value, bytes) else value.encode()
    folder = f"{name}/" if name else ""
    below = {rest if not more else f"{rest}/" for rest, more in _children(tree, folder)}
    return "\n".join(sorted(below)).encode() if below else None


def _children(tree: dict[str, str | bytes], folder: str) -> list[tuple[str, str]]:
    """Return the first part of each path below a folder, and what follows it."""
    rests = [path.removeprefix(folder) for path in tree if path.startswith(folder)]
    return [(first, more) for first, _, more in (rest.partition("/") for rest in rests)]


def _moment(seconds: float) -> str:
    """Return a moment of the cloud's as EC2 writes it, by the clock of the box: that one is this machine's."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds + time.time() - clock.now()))


def _refused(status: int) -> Reply:
    text = _PAGE.format(f"{status} - {http.HTTPStatus(status).phrase}")
    return Reply(status=status, headers={"Content-Type": "text/html"}, body=text.encode())
