"""`fab timeline`'s page of two hosts in a browser: its script at work, its picture, and nothing that it asks for."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import zoneinfo
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from provision.history.timeline import FOLDER, Page
from provision.model.host import Host
from tests.history.browser import PROGRAM, SIZE, Shown, show
from tests.history.timeline_lab import event, journal_of, ran, step
from tests.kit.page import Element

pytestmark = pytest.mark.skipif(not PROGRAM, reason="there is no Chromium here to open the page with")

ZONE = "Australia/Adelaide"  # neither this machine's nor a whole number of hours from it
SETUP = [
    event(0, "start", name="caffe", steps=["base", "cuda"]),
    step(0, "base", "present", seconds=0.1),
    step(1, "cuda", "installing"),
    event(900, "failed", step="cuda", why="exit code 4", tail=["no such mirror"], log="/x", undo=""),
]
RUNS = [ran("warm-up", 10, 600), ran("train-1", 900, 3000)]
TRAINED = "host-2-run-train-1"
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
OUTSIDE = "http://outside.example/picture.png"


@pytest.fixture(scope="module")
def html() -> str:
    """The page: on one host a setup that failed, on the other two runs."""
    second = dataclasses.replace(
        journal_of(runs=RUNS, logs=[("run", "train-1", ["epoch 1"])]), host=Host(name="box-2", address="192.0.2.8")
    )
    return Page([journal_of(SETUP), second], []).html()


@pytest.fixture(scope="module")
def opened(html: str, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """The page, opened at one of its lines."""
    folder = tmp_path_factory.mktemp("opened")
    (folder / "page.html").write_text(html, encoding="utf-8")
    return show(folder / "page.html", folder / "shown", fragment=TRAINED, zone=ZONE)


@pytest.fixture
def acted(html: str, tmp_path: Path) -> Callable[[str], Element]:
    """Return a page after what its reader does there in JavaScript; the policy that forbids others' is left out."""

    def act(what: str) -> Element:
        path = tmp_path / "page.html"
        path.write_text(POLICY.sub("", html).replace("</body>", f"<script>{what}</script></body>"), encoding="utf-8")
        return show(path, tmp_path / "shown").dom

    return act


def by_id(dom: Element, identifier: str) -> Element:
    (found,) = dom.all(id=identifier)
    return found


def in_sight(dom: Element) -> dict[str, list[str]]:
    """Return of each host the names of its lines that are not filtered out."""
    boxes = {box.attributes["id"]: box.all("li") for box in dom.all("section")}
    return {
        box: [line.all(_class="name")[0].text.strip() for line in lines if "hidden" not in line.attributes]
        for box, lines in boxes.items()
    }


def unfolded(dom: Element) -> list[str]:
    return [one.all(_class="name")[0].text.strip() for one in dom.all("details") if "open" in one.attributes]


def test_both_hosts_are_there_in_the_time_of_the_reader(opened: Shown) -> None:
    assert [host.all("h2")[0].text for host in opened.dom.all("div", _class="host")] == ["box", "box-2"]
    assert in_sight(opened.dom) == {"host-1": ["base", "cuda"], "host-2": ["train-1", "warm-up"]}
    assert by_id(opened.dom, "zone").text == ZONE
    times = opened.dom.all("time")
    assert len(times) > 10
    for moment in times:
        there = dt.datetime.fromisoformat(moment.attributes["datetime"]).astimezone(zoneinfo.ZoneInfo(ZONE))
        assert moment.text == there.strftime(moment.attributes["data-form"])


def test_a_link_to_a_line_unfolds_that_one_alone(opened: Shown) -> None:
    assert len(opened.dom.all("details")) > 1
    assert unfolded(opened.dom) == ["train-1"]


def test_its_picture_has_the_bars_of_both(opened: Shown) -> None:
    style = (FOLDER / "style.css").read_text(encoding="utf-8")
    with Image.open(opened.picture) as picture:
        assert picture.size == SIZE
        colours = {colour: count for count, colour in picture.convert("RGB").getcolors(2**24) or ()}
    for name in ("bad", "run"):
        wanted = re.search(rf"--{name}: #(\w{{6}})", style)
        assert wanted
        assert colours.get(tuple(bytes.fromhex(wanted[1])), 0) > 1000, f"no bar of the colour {name}"


def test_it_zooms_and_stops_at_its_end(acted: Callable[[str], Element]) -> None:
    press = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '+', bubbles: true}));"
    dom = acted(f"for (let i = 0; i < 9; i++) {press}")
    assert by_id(dom, "zoomed").text == "32\N{MULTIPLICATION SIGN}"
    assert "--zoom: 32" in dom.all(_class="plot")[0].attributes["style"]
    assert "disabled" in by_id(dom, "in").attributes
    assert "disabled" not in by_id(dom, "out").attributes


def test_a_word_leaves_what_has_it_on_either_host(acted: Callable[[str], Element]) -> None:
    dom = acted("text.value = 'train'; text.dispatchEvent(new Event('input'));")
    assert in_sight(dom) == {"host-1": [], "host-2": ["train-1"]}
    assert by_id(dom, "matches").text == "1 of 4"
    bars = dom.all("a", _class="bar")
    assert [bar.text for bar in bars if "not" not in bar.attributes["class"].split()] == ["train-1"]


def test_a_bar_leads_to_its_line_also_where_that_was_filtered_out(acted: Callable[[str], Element]) -> None:
    choose = "what.value = '.bad, .lost'; what.dispatchEvent(new Event('change'));"
    seen = "document.title = [...document.querySelectorAll('li:not([hidden])')].map((one) => one.className).join();"
    dom = acted(f"{choose} {seen} document.querySelector('a[href$=train-1]').click();")
    assert dom.all("title")[0].text == "bad"
    assert sum(map(len, in_sight(dom).values())) == 4
    assert unfolded(dom) == ["train-1"]


def test_it_asks_nobody_for_anything_and_its_policy_keeps_it_from_it(html: str, opened: Shown, tmp_path: Path) -> None:
    assert opened.asked == set()
    foreign = html.replace("</h1>", f'</h1><img src="{OUTSIDE}">')
    for name, text, asked in (("kept", foreign, set()), ("free", POLICY.sub("", foreign), {OUTSIDE})):
        page = tmp_path / f"{name}.html"
        page.write_text(text, encoding="utf-8")
        assert show(page, tmp_path / name).asked == asked, name
