"""EC2's instance metadata service, as the box asks it: with a session (IMDSv2), a time limit, and past any proxy.

EC2 User Guide, "Access instance metadata for an EC2 instance".
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Dict, Optional, Tuple

ADDRESS = "169.254.169.254"
SECONDS = 2
"""That an answer may take: it comes from the same machine."""
LIFETIME = 21600
"""Seconds that a session lives, the longest that there is."""
UNKNOWN, EXPIRED = 404, 401


class Metadata:
    """The service; a session is opened when there is none, and again when it has expired."""

    def __init__(self, address: str = ADDRESS) -> None:
        self._address = address
        self._token = ""

    def get(self, name: str) -> Optional[str]:
        """Return one item ("instance-id"), None where there is none. Raises `OSError` where that cannot be known."""
        for _ in range(2):
            if not self._token:
                self._token = _text(*self._request("PUT", "api/token", {"-ttl-seconds": str(LIFETIME)}))
            status, text = self._request("GET", f"meta-data/{name}", {"": self._token})
            if status != EXPIRED:
                break
            self._token = ""
        if status == UNKNOWN:
            return None
        return _text(status, text)

    def _request(self, method: str, path: str, headers: Dict[str, str]) -> Tuple[int, str]:
        connection = http.client.HTTPConnection(self._address, timeout=SECONDS)
        named = {f"X-aws-ec2-metadata-token{key}": value for key, value in headers.items()}
        try:
            connection.request(method, f"/latest/{path}", headers=named)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        except http.client.HTTPException as error:
            raise OSError(f"the metadata service answers no HTTP: {error!r}") from error
        finally:
            connection.close()


def _text(status: int, text: str) -> str:
    """Return what was answered. Raises `OSError` where that was a refusal."""
    if status != 200:
        raise OSError(f"the metadata service answers {status}")
    return text
