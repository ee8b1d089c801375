"""DIGITS' REST interface, as far as an example needs it: log in, make jobs, watch them."""

from __future__ import annotations

import dataclasses
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from http import cookiejar
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDED = ("Done", "Error", "Aborted")
_TAIL = 15


class Refusal(Exception):
    """It cannot go on; the message says why and what to do next."""


class Silence(Refusal):
    """Nothing answers."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A data set or a model in DIGITS."""

    kind: str
    """As in its address: "datasets" or "models"."""
    id: str
    page: str


class Digits:
    """One DIGITS server. Its answers come as parsed JSON."""

    def __init__(self, url: str, pages: str) -> None:
        self.url, self.pages = url.rstrip("/"), pages.rstrip("/")
        handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(cookiejar.CookieJar()))
        self._opener = urllib.request.build_opener(*handlers)

    def login(self, user: str) -> dict[str, Any]:
        """Take a name (DIGITS asks for no password) and return its index. Raises `Refusal` where it is no DIGITS."""
        index = self.ask("/login", username=user, next="/index/json")
        if not {"version", "jobs_dir", "datasets", "models"} <= index.keys():
            raise Refusal(f"what answers at {self.url} is not DIGITS: its index holds {', '.join(index) or 'nothing'}")
        return index

    def create(self, kind: str, **fields: object) -> Job:
        """Make an image classification job of a kind, and start it."""
        answer = self.ask(f"/{kind}/images/classification/json", **fields)
        if not isinstance(answer.get("id"), str):
            raise Refusal(f"DIGITS made no job and gave no reason; it said: {answer}")
        return Job(kind, answer["id"], f"{self.pages}/{kind}/{answer['id']}")

    def details(self, job: Job) -> dict[str, Any]:
        """Return what DIGITS says about a job: its directory, its tasks or its network's files."""
        return self.ask(f"/{job.kind}/{job.id}/json")

    def watch(self, job: Job, *, patience: float, pause: float = 0.25) -> Iterator[dict[str, Any]]:
        """Yield a job's state each time that it changes: status, progress in percent, the last outputs.

        Ends when the job is done. Raises `Refusal` where it fails, or where nothing changes or answers for `patience`
        seconds.
        """
        last: dict[str, Any] = {}
        since = time.monotonic()
        while last.get("status") not in ENDED:
            try:
                state = self.ask(f"/jobs/{job.id}/table_data/json").get("job", {})
            except Silence:
                state = last
                if time.monotonic() - since > patience:
                    raise
            changed = {**state, "elapsed": 0}
            if state and changed != {**last, "elapsed": 0}:
                last, since = state, time.monotonic()
                yield state
            elif time.monotonic() - since > patience:
                raise Refusal(self._stalled(job, last.get("status", "unknown"), patience))
            else:
                time.sleep(pause)
        if last["status"] == "Aborted":
            raise Refusal(f"somebody has aborted {job.page}, or DIGITS was stopped meanwhile")
        if last["status"] == "Error":
            raise Refusal(f"{job.page} failed{self._tail(job)}")

    def ask(self, path: str, **fields: object) -> dict[str, Any]:
        """GET a path, or POST fields to it. Raises `Silence` where nothing answers, `Refusal` for any other "no"."""
        data = urllib.parse.urlencode(fields).encode() if fields else None
        try:
            with self._opener.open(self.url + path, data, timeout=60) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:
            raise Refusal(f"DIGITS refuses {path}: {_reason(error)}") from error
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "reason", error)
            raise Silence(
                f"DIGITS does not answer at {self.url}: {why}\nlook at it: systemctl status 'digits*'"
            ) from error
        try:
            parsed = json.loads(body)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise Refusal(f"what answers at {self.url}{path} is not DIGITS: it says {body[:60]!r}")
        return parsed

    def _stalled(self, job: Job, status: str, patience: float) -> str:
        text = f"{job.page} is {status} and did not change for {patience:g} s; it goes on, and can be aborted there"
        others = [j["id"] for j in self.ask("/index/json")["models"] if j["status"] == "Running" and j["id"] != job.id]
        if status == "Waiting" and others:
            text += f"\nit waits for the training of {', '.join(others)}"
        return text

    def _tail(self, job: Job) -> str:
        """Return the last lines of a job's logs, for a message; "" where there are none to read."""
        folder = Path(self.details(job).get("directory", "/nonexistent"))
        lines = [line for log in folder.glob("*.log") for line in log.read_text(errors="replace").splitlines()]
        if not lines:
            return "\nits reason is on its page, and in the log of DIGITS itself"
        return "".join(f"\n  {line}" for line in lines[-_TAIL:])


def _reason(error: urllib.error.HTTPError) -> str:
    """Return what an answer with an error code says, in a line."""
    text = error.read().decode(errors="replace")
    try:
        said = json.loads(text)
    except ValueError:
        said = {}
    if errors := said.get("errors"):
        return "; ".join(f"{field}: {' '.join(map(str, words))}" for field, words in errors.items())
    details = said.get("error", {})
    return f"{error.code} {error.reason}, {details.get('description') or details.get('message') or text[:200].strip()}"
