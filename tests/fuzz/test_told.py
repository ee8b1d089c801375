"""Whatever a host says and a journal holds: it is read, or shown as it is; never a traceback, nothing anywhere else."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.agent import events, journal
from provision.agent.words import Kind
from provision.history.journal import Journal
from provision.model.errors import GpurigError
from provision.model.host import Host
from provision.transport import answers, launcher, shape
from provision.work import transfer
from tests.kit.made_up import odd_json, odd_text, said

HOST = Host(name="box", address="127.0.0.1")
KEYS = st.sampled_from(["step", "line", "run", "name", "offset", "position", "steps", "agent", "goal", "size", "path"])


def event(at: int, kind: str, **more: Any) -> dict[str, Any]:
    """Return an event as a journal has it."""
    return {"event": kind, "run": "r1", "at": float(at), **more}


SETUP = [
    event(1, "start", name="base"),
    event(2, "step", step="base", state="checking"),
    event(3, "step", step="base", state="installing"),
    event(4, "step", step="base", state="installed", seconds=1.0),
    event(5, "failed", step="cuda", why="exit code 4", tail=["no"], log="/x", undo=""),
    {**event(6, "start", name="base"), "run": "r2"},
    {**event(7, "ready", marks={}), "run": "r2"},
]


@given(odd_text | st.fixed_dictionaries({"event": st.sampled_from(list(Kind)) | odd_text}).map(json.dumps))
def test_a_line_that_is_no_event_is_shown_as_it_is(line: str) -> None:
    found = launcher.parse(line)
    assert found["event"] == Kind.LOG or shape.is_event(dict(found))


@given(st.sampled_from(list(Kind)), st.dictionaries(KEYS, odd_json, max_size=5))
def test_an_event_has_the_keys_of_its_kind_or_is_none(kind: Kind, keys: dict[str, Any]) -> None:
    found = launcher.parse(json.dumps({"event": kind.value, **keys}))
    assert found["event"] in (kind, Kind.LOG)
    if found["event"] == Kind.LOG:
        assert isinstance(found["line"], str)
        assert isinstance(found["step"], str)
    assert answers.place_after(found, None) is None or isinstance(found.get("offset"), int)


def test_what_nests_without_end_is_shown_too() -> None:
    assert launcher.parse("[" * 100_000)["event"] == Kind.LOG


@given(st.integers(0, 600), st.binary(max_size=5).map(lambda data: data.replace(b"\n", b"")))
def test_a_journal_that_was_cut_anywhere_has_the_events_before(cut: int, rest: bytes) -> None:
    lines = [json.dumps(row).encode() + b"\n" for row in SETUP]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "journal.jsonl"
        patch.setattr(journal, "JOURNAL", path)
        patch.setattr(events, "JOURNAL", path)
        path.write_bytes(b"".join(lines)[:cut] + rest)
        whole = sum(len(b"".join(lines[: number + 1])) <= cut for number in range(len(lines)))
        assert [row for row, _ in events.events_after(0)] == SETUP[:whole]
        journal.record(SETUP[0])  # type: ignore[arg-type]
        assert [row["run"] for row, _ in events.events_after(0)] == [*(row["run"] for row in SETUP[:whole]), "r1"]


@given(
    st.lists(st.sampled_from(SETUP), max_size=7), st.dictionaries(st.sampled_from(["boots", "stops", "runs"]), odd_json)
)
def test_a_journal_that_is_told_is_read_or_refused(told: list[Any], odd: dict[str, Any]) -> None:
    document = {"events": told, "alive": "", "boots": [[0.0, 9.0]], "stops": [], "runs": [], "notices": [], "now": 9.0}

    class Told:
        host = HOST

        def ask(self, request: Any) -> list[Any]:
            del request
            return [{"event": Kind.JOURNAL, **document, **odd}]

    try:
        found = Journal.of(Told(), lines=1, logs=1)  # type: ignore[arg-type]
    except GpurigError as error:
        assert odd or not told
        said([error.what])
    else:
        assert len(found.setups) <= len(told)


@given(odd_text | st.sampled_from(["../x", "/etc/passwd", "a/../../x", "link/x", "link", ".", "a/b"]))
def test_a_file_of_a_host_lands_below_its_folder_or_nowhere(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "results"
        into.mkdir()
        (into / "link").symlink_to(folder)
        try:
            goal = transfer._inside(into, name)
        except (GpurigError, ValueError):
            return
        assert goal.resolve().is_relative_to(into.resolve())
        assert goal.resolve() != into.resolve()
