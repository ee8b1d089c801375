"""`fab timeline`'s page: what hosts tell becomes bars and lines, nothing of it becomes HTML, and nothing is loaded."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from provision.model.errors import Unreachable
from provision.model.host import Host
from tests.history.timeline_lab import HOST, NOON, event, journal_of, page_of, ran, step
from tests.kit.fab import refused, write_hosts
from tests.kit.page import Element, rows

CUDA = [event(0, "start", name="caffe", steps=["base", "cuda"]), step(0, "base", "present", seconds=0.1)]
BEGUN = [*CUDA, step(1, "cuda", "checking"), step(2, "cuda", "installing")]
FAILED = event(90, "failed", step="cuda", why="exit code 4", tail=["no such mirror"], log="/x", undo="")


@pytest.mark.parametrize(
    ("events", "alive", "states"),
    [
        ([*BEGUN, step(80, "cuda", "installed", seconds=79)], "", "installed"),
        ([*BEGUN, FAILED], "", "failed"),
        (BEGUN, "r1", "installing now"),
        (BEGUN, "", "cut off"),
        ([*BEGUN, event(9, "reboot", step="cuda")], "", "asked for a reboot"),
        ([*CUDA, step(1, "cuda", "checking")], "r1", "checking now"),
        ([*CUDA, step(3, "cuda", "found", seconds=2)], "", "taken as found"),
        ([*CUDA, step(3, "cuda", "fitting", seconds=2)], "", "fits the new settings"),
        ([*CUDA, step(3, "cuda", "a newer word", seconds=2)], "", "a newer word"),
    ],
)
def test_a_step_says_how_it_ended(events: list[Any], alive: str, states: str) -> None:
    assert rows(page_of(journal_of(events, alive=alive))) == {"base": "present", "cuda": states}


def test_a_setup_that_goes_on_after_a_power_cut_has_both_attempts() -> None:
    again = [event(600, "start", name="caffe", steps=["cuda"]), step(601, "cuda", "installing", was="interrupted")]
    whole = [*again, step(700, "cuda", "installed", seconds=99), event(700, "ready", name="caffe")]
    [setup] = journal_of([*BEGUN, *whole], boots=[(-60, 50), (500, 5000)]).setups
    assert [(one.name, one.state) for one in setup.steps][1:] == [("cuda", "cut off"), ("cuda", "installed")]
    # The box was gone at 50: no later can it have worked.
    assert setup.steps[1].end == NOON + 50
    assert (setup.state, setup.begin, setup.end) == ("ready", NOON, NOON + 700)


def test_what_was_cut_off_is_not_said_to_have_gone_on_until_now() -> None:
    other = [event(300, "start", "r2", name="base", steps=["base"]), step(301, "base", "present", "r2", seconds=0.1)]
    first, second = journal_of([*BEGUN, *other, event(301, "ready", "r2", name="base")]).setups
    assert (first.state, first.end, second.state) == ("cut off", NOON + 300, "ready")


def test_a_log_stands_at_the_install_that_wrote_it() -> None:
    again = [event(300, "start", "r2", name="caffe", steps=["cuda"]), step(301, "cuda", "installing", "r2")]
    events = [
        *BEGUN,
        FAILED,
        *again,
        step(400, "cuda", "installed", "r2", seconds=99),
        event(400, "ready", "r2", name="caffe"),
    ]
    page = page_of(journal_of(events, logs=[("step", "cuda", ["all is well"])]))
    assert [log.text.strip() for log in page.all("pre")] == ["no such mirror", "all is well"]


def test_what_came_from_the_job_volume_is_said() -> None:
    [_, row] = page_of(journal_of([*BEGUN, step(4, "cuda", "installed", seconds=3, kept="built")])).all("li")
    assert row.all(_class="note")[0].text == "its build taken from the job volume"


HOSTILE = [
    "<script>alert(1)</script></pre><b>bold</b> &amp;",
    "\x1b[1;31mred\x1b[0m and \x1b]0;a title\x07 plain\x1b(B",
    "nothing\x00 here \x08 or \u202egnp.exe",
    "half a pair \ud800",
    "\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\",
]
SHOWN = [
    "<script>alert(1)</script></pre><b>bold</b> &amp;",
    "red and  plain",
    "nothing\ufffd here \ufffd or \ufffdgnp.exe",
    "half a pair \ufffd",
    "link",
]


def test_nothing_that_a_host_tells_becomes_html_or_moves_the_text() -> None:
    runs = [ran("train-1", 0, 9, command=HOSTILE[0], why="<i>why</i>", state="failed", code=1)]
    journal = journal_of(runs=runs, logs=[("run", "train-1", HOSTILE)])
    page = page_of(journal, silent=[(HOST, Unreachable("<u>down</u>"))])
    assert page.all("pre")[-1].text.splitlines() == SHOWN
    assert HOSTILE[0] in page.all("dd")[0].text
    assert "<u>down</u>" in page.all(_class="silent")[0].text
    assert len(page.all("script")) == 1
    for tag in ("b", "i", "u"):
        assert all("class" in found.attributes for found in page.all(tag))


def test_a_run_of_gpurigs_own_is_shown_as_the_command_that_the_user_typed() -> None:
    run = ran(
        "get-eyes-1", 0, 9, command="/opt/x/python /opt/x/get order.json", asked="fab dataset-get https://h/eyes.zip"
    )
    page = page_of(journal_of(runs=[run]))
    [row] = page.all("li")
    assert row.all(_class="note")[0].text == "fab dataset-get https://h/eyes.zip"
    assert page.all("a", _class="bar")[0].attributes["title"].endswith("fab dataset-get https://h/eyes.zip")
    assert "/opt/x/python /opt/x/get order.json" in [found.text for found in row.all("dd")]


def test_the_page_loads_nothing_and_runs_only_its_own_script() -> None:
    page = page_of(journal_of(BEGUN, [ran("train-1", 0, 9)]))
    ids = [found.attributes["id"] for found in page.all() if "id" in found.attributes]
    assert len(ids) == len(set(ids))
    bars = page.all("a", _class="bar")
    assert {bar.attributes["href"][1:] for bar in bars} <= set(ids)
    assert len(bars) == len(page.all("li")) == 3
    for found in page.all():
        assert not {"src", "srcset", "action", "data"} & found.attributes.keys()
        assert found.attributes.get("href", "#").startswith("#")
    assert not re.search(r"url\(|@import", page.all("style")[0].text)
    [policy] = [meta.attributes["content"] for meta in page.all("meta") if "http-equiv" in meta.attributes]
    digest = base64.b64encode(hashlib.sha256(page.all("script")[0].text.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_a_host_that_does_not_answer_and_one_that_did_nothing_are_said() -> None:
    gone = Host(name="box-2", address="192.0.2.8")
    page = page_of(journal_of(boots=()), silent=[(gone, Unreachable("box-2 does not answer", hint="is it on?"))])
    [note] = page.all(_class="silent")
    assert "box-2 is not on this page" in note.text
    assert "is it on?" in note.text
    assert "nothing was run" in page.all("section")[0].text
    assert "not known" in page.all(_class="unknown")[0].text


def test_that_and_why_a_box_stopped_by_itself_is_said() -> None:
    page = page_of(journal_of(stops=[(60, "nobody has used it for 30 min"), (4000, "its lifetime is <over>")]))
    last, first = [line.text for line in page.all("p", _class="stop")]
    assert last.endswith("it powered itself off: its lifetime is <over>")
    assert first.startswith("2027-01-15 08:01")
    assert first.endswith("nobody has used it for 30 min")


def edges(element: Element) -> tuple[float, float]:
    """Return left and right edge of what is drawn, in percent."""
    left, width = (float(re.search(rf"{key}:([\d.]+)%", element.attributes["style"])[1]) for key in ("left", "width"))  # type: ignore[index]
    return left, left + width


def test_bars_lie_in_the_order_of_time_and_idle_hours_take_no_room() -> None:
    day = 86400
    runs = [
        ran("late", 3 * day, 600),
        ran("long", 2 * day, 7200),
        ran("beside", 2 * day + 60, 30),
        ran("early", 0, 300),
    ]
    page = page_of(journal_of(runs=runs, now=3 * day + 700, boots=[(-60, day), (2 * day - 60, 4 * day)]))
    places = {bar.text: edges(bar) for bar in page.all("a", _class="bar")}
    assert sorted(places, key=places.__getitem__) == ["early", "long", "beside", "late"]
    widths = {name: right - left for name, (left, right) in places.items()}
    assert widths["long"] == pytest.approx(12 * widths["late"], rel=0.01)
    assert all(0 <= left <= right <= 100 for left, right in places.values())
    folds = [edges(fold) for fold in page.all("div", _class="fold")]
    assert folds
    assert sum(right - left for left, right in folds) < 10
    lanes = [[bar.text for bar in lane.all("a", _class="bar")] for lane in page.all(_class="lane")]
    assert [lane for lane in lanes if lane] == [["early", "long", "late"], ["beside"]]


def test_at_every_zoom_labels_are_apart_and_say_their_time() -> None:
    page = page_of(journal_of(runs=[ran("a", 0, 100_000), ran("b", 900_000, 5)], now=1_000_000))
    for zoom in (1, 2, 4, 8, 16, 32):
        places = [float(tick.attributes["style"][5:-1]) for tick in page.all("div", _class=f"z{zoom}")]
        assert len(places) > 1
        assert all(b - a >= 16 / zoom - 0.01 for a, b in itertools.pairwise(places))
    for moment in page.all("time"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment.attributes["datetime"])
        assert moment.attributes["title"] == f"{moment.attributes['datetime'][:-1].replace('T', ' ')} UTC"


def test_lines_are_a_number_within_reason(tmp_path: Path) -> None:
    assert "--lines 1001" in refused(tmp_path, "timeline", "--lines", "1001")


def test_where_no_host_answers_the_page_of_before_stays(tmp_path: Path) -> None:
    write_hosts(tmp_path, "a")
    (tmp_path / "timeline.html").write_text("of before")
    assert "does not answer" in refused(tmp_path, "timeline", code=4)
    assert (tmp_path / "timeline.html").read_text() == "of before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hosts.toml", "timeline.html"]


BESIDE = [
    event(0, "start", name="top", steps=["left", "right", "top"]),
    step(0, "left", "checking"),
    step(0, "right", "checking"),
    step(1, "left", "installing"),
    step(2, "right", "installing"),
]


def test_steps_that_went_at_once_have_a_lane_each_and_ends_of_their_own() -> None:
    later = [step(9, "top", "checking"), step(9, "top", "installed", seconds=1), event(9, "ready", name="top")]
    ended = [step(5, "right", "installed", seconds=5), step(8, "left", "installed", seconds=8), *later]
    journal = journal_of([*BESIDE, *ended])
    [setup] = journal.setups
    assert [(one.name, one.begin - NOON, (one.end or 0) - NOON) for one in setup.steps] == [
        ("left", 0, 8),
        ("right", 0, 5),
        ("top", 9, 9),
    ]
    lanes = [[bar.text for bar in lane.all("a", _class="bar")] for lane in page_of(journal).all(_class="lane")]
    assert [lane for lane in lanes if lane] == [["left", "top"], ["right"]]


def test_a_step_that_failed_beside_others_ended_when_it_did() -> None:
    failed = [
        step(4, "left", "failed", seconds=4, why="exit code 4"),
        step(9, "right", "installed", seconds=9),
        event(9, "failed", step="left", why="exit code 4", tail=["no mirror"], log="/x", undo="", left={"top": "so"}),
    ]
    [setup] = journal_of([*BESIDE, *failed]).setups
    left, right = setup.steps
    assert (left.state, left.end, left.why, left.log and left.log.lines) == (
        "failed",
        NOON + 4,
        "exit code 4",
        ("no mirror",),
    )
    assert (right.state, right.end) == ("installed", NOON + 9)
    assert (setup.state, setup.why, setup.end) == ("failed", "exit code 4", NOON + 9)


@pytest.mark.parametrize(("alive", "state", "end"), [("r1", "installing", None), ("", "cut off", NOON + 50)])
def test_steps_that_go_on_or_were_cut_off_together_are_all_told(alive: str, state: str, end: float | None) -> None:
    [setup] = journal_of(BESIDE, alive=alive, boots=[(-60, 50), (500, 5000)]).setups
    assert [(one.name, one.state, one.end) for one in setup.steps] == [("left", state, end), ("right", state, end)]
