"""EC2's notice on the box: how it is asked for, what it says, and what then may not begin any more."""

from __future__ import annotations

import json
import os
import pwd
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from provision.agent import journal, notice, watch
from provision.agent.events import events_after, notices
from provision.agent.imds import Metadata
from provision.agent.mount import need_mounted
from provision.agent.reply import Refused
from provision.agent.words import Kind
from tests.kit.servers import serving


class Service(BaseHTTPRequestHandler):
    """A metadata service whose tokens can be made to expire; `server.items` is what it knows."""

    def log_message(self, *_: object) -> None: ...

    def do_PUT(self) -> None:
        assert self.path == "/latest/api/token"
        assert self.headers["X-aws-ec2-metadata-token-ttl-seconds"] == "21600"
        self.server.tokens.append(f"token {len(self.server.tokens)}")  # type: ignore[attr-defined]
        self._say(200, self.server.tokens[-1])  # type: ignore[attr-defined]

    def do_GET(self) -> None:
        server: Any = self.server
        item = server.items.get(self.path.removeprefix("/latest/meta-data/"))
        if self.headers["X-aws-ec2-metadata-token"] != server.tokens[-1]:
            self._say(401, "")
        elif item is None:
            self._say(404, "not found")
        else:
            self._say(*item)

    def _say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def service() -> Iterator[Any]:
    """Serve metadata on this machine."""
    server: Any = HTTPServer(("127.0.0.1", 0), Service)
    server.tokens, server.items = [], {"instance-id": (200, "i-0a"), "broken": (500, "")}
    with serving(server):
        yield server


def metadata(service: Any) -> Metadata:
    return Metadata(f"127.0.0.1:{service.server_port}")


def test_a_session_is_opened_once_and_again_when_it_has_expired(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # a box may have one, and it leads elsewhere
    asked = metadata(service)
    assert [asked.get("instance-id") for _ in range(3)] == ["i-0a"] * 3
    assert asked.get("spot/instance-action") is None
    assert len(service.tokens) == 1
    service.tokens.append("another")
    assert asked.get("instance-id") == "i-0a"
    assert len(service.tokens) == 3
    with pytest.raises(OSError, match="answers 500"):
        asked.get("broken")


def test_a_service_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provision.agent.imds.SECONDS", 0.2)
    hung = threading.Event()

    class Hung(Service):
        def do_PUT(self) -> None:
            hung.wait(10)

    server = HTTPServer(("127.0.0.1", 0), Hung)
    with serving(server):
        with pytest.raises(OSError, match="timed out"):
            Metadata(f"127.0.0.1:{server.server_port}").get("instance-id")
        hung.set()


@pytest.mark.parametrize(
    ("text", "action", "left"),
    [
        ('{"action": "terminate", "time": "2100-01-01T00:00:00Z"}', "terminate", None),
        ('{"action": "stop", "time": "2100-01-01T00:00:00Z"}', "stop", None),
        ('{"action": "terminate", "time": "soon"}', "terminate", 120),
        ("<html>", "terminate", 120),
        ("[]", "terminate", 120),
    ],
)
def test_a_notice_is_read_and_one_that_cannot_be_is_one_all_the_same(text: str, action: str, left: int | None) -> None:
    found = watch._notice(text)
    assert found is not None
    assert found["action"] == action
    assert found["ends"] == (4102444800.0 if left is None else pytest.approx(found["at"] + left))
    assert watch._notice(None) is None


def test_nothing_begins_on_a_box_that_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice, "NOTICE", tmp_path / "notice.json")
    me = pwd.getpwuid(os.getuid()).pw_name
    need_mounted({"user": me, "mount_point": str(tmp_path), "volume_id": ""})
    (tmp_path / "notice.json").write_text(json.dumps({"action": "terminate", "ends": 3600, "at": 3500}))
    with pytest.raises(Refused, match="EC2 takes this spot box at 01:00:00 UTC"):
        need_mounted({"user": me, "mount_point": str(tmp_path), "volume_id": ""})


def test_the_journal_has_it_and_setups_do_not_see_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("journal", "events"):
        monkeypatch.setattr(f"provision.agent.{module}.JOURNAL", tmp_path / "journal.jsonl")
    journal.record({"event": Kind.READY, "run": "1", "name": "base"})
    journal.record({"event": Kind.NOTICE, "what": "taken", "ends": 5.0, "why": ""})
    journal.record({"event": Kind.READY, "run": "2", "name": "base"})
    assert [event["run"] for event, _ in events_after(0)] == ["1", "2"]
    assert [event["what"] for event in notices()] == ["taken"]


def test_a_note_goes_into_a_log_and_into_nothing_else(tmp_path: Path) -> None:
    log, other = tmp_path / "log", tmp_path / "other"
    log.write_text("before\n")
    other.write_text("mine\n")
    notice.note(log, "EC2 takes it")
    assert log.read_text() == "before\ngpurig: EC2 takes it\n"
    (tmp_path / "link").symlink_to(other)
    with pytest.raises(OSError, match="symbolic link"):
        notice.note(tmp_path / "link", "EC2 takes it")
    assert other.read_text() == "mine\n"
