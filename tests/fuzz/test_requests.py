"""Whatever is asked of the program on the box: an answer of ours says what is wrong, and nothing elsewhere changes.

Real root, a second account and real files; a stand-in is only what starts services and mounts disks.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.agent.verbs import Verb
from provision.agent.words import Kind
from provision.transport import shape
from tests.kit.account_lab import SNAPSHOT, USER, Volume
from tests.kit.host import Lab
from tests.kit.made_up import FEW, odd_json, odd_text

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="to be root and another account takes root")

NAMES = st.sampled_from(["train-1", "train-2", "../vault", "..", "", "-x", "train-1/../../../vault"]) | odd_text
PLACES = st.sampled_from(
    [
        *(
            "{jobs}/work/net",
            "{jobs}/datasets/birds",
            "{jobs}/datasets/.birds.part/x",
            "{jobs}/work/../../vault/open/x",
        ),
        *("{jobs}", "{vault}/open/x", "{vault}/etc/passwd", "../vault/open/x", "/", "", "work/net", "{jobs}/a\0b"),
    ]
) | odd_text.map(lambda text: "{jobs}/work/" + text)
NUMBERS = st.sampled_from([0, 1, 40, -1, 2**63, 2**70, 1.5, 1e300, True]) | st.integers(-5, 5000)
FLAGS = st.booleans()
PATTERNS = st.sampled_from(["**/*", "work/**/*", "../**", "/etc/*", "a**", "**", "[", "work/net/*", ""]) | NAMES
TABLES = st.dictionaries(odd_text, odd_text, max_size=2)
BUNDLES = odd_text | odd_json.map(json.dumps) | st.just("[" * 100_000)
MOMENTS = st.none() | st.sampled_from([0, 0.0, -1, 1e300, 2**70, "soon"])


@st.composite
def signed(draw: st.DrawFn) -> str:
    """Return a bundle whose digest is right, and whose steps are anything."""
    lists = st.lists(odd_json, min_size=1, max_size=2)
    body = draw(st.fixed_dictionaries({"name": odd_json, "steps": lists, "lib": odd_json}))
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode("ascii")
    return json.dumps({**body, "digest": hashlib.sha256(canonical).hexdigest()})


RESTORES = {
    "source": st.sampled_from(["vol-1", "../vault", "/"]) | odd_text,
    "snapshot": st.sampled_from([SNAPSHOT, "../..", "/etc"]) | odd_text,
    "path": st.sampled_from(["work/net", "", "../vault/open", "/etc/passwd", "work/../../vault/etc"]) | odd_text,
    "in_place": FLAGS,
}
# Verb → its fields as a client has them, and as one that is mistaken, or means ill.
STRATEGIES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    Verb.APPLY: {
        "bundle": BUNDLES | signed(),
        "fresh": FLAGS,
        "builders": st.lists(odd_text, max_size=2),
        "builds": st.none() | TABLES | st.dictionaries(odd_text, odd_json, max_size=2),
    },
    Verb.PLAN: {"bundle": BUNDLES | signed()},
    Verb.FOLLOW: {"run": NAMES, "offset": NUMBERS, "positions": st.dictionaries(NAMES, NUMBERS)},
    **{verb: {} for verb in (Verb.STATUS, Verb.FACTS, Verb.RUNS, Verb.VOLUME, Verb.SYNC)},
    Verb.OVERVIEW: {"units": st.lists(st.sampled_from(["x.service", "--help", "../x"]) | odd_text, max_size=2)},
    Verb.JOURNAL: {"lines": NUMBERS, "logs": NUMBERS},
    Verb.GUARD: {"awake_until": MOMENTS, "lifetime_until": MOMENTS},
    Verb.START: {
        "command": odd_text,
        "name": NAMES,
        "recipe": st.just("") | NAMES,
        "folder": st.sampled_from(["", "net", "/", "~", "../.."]) | odd_text,
        "beside": NAMES,
        "exports": st.lists(st.lists(odd_text, max_size=3), max_size=2) | st.just([["A", "b"]]),
        "env": TABLES | st.just({"KEY": "value"}),
        "asked": odd_text,
        "resume": odd_text,
        "once": FLAGS,
    },
    Verb.RESUME: {"name": NAMES},
    Verb.STOP: {"name": NAMES},
    Verb.LOG: {"name": NAMES, "position": NUMBERS, "lines": NUMBERS, "follow": FLAGS},
    Verb.FILES: {"what": PATTERNS, "watch": FLAGS, "parts": st.dictionaries(odd_text, NUMBERS, max_size=2)},
    Verb.TREE: {"path": PLACES},
    Verb.ORDER: {"files": st.dictionaries(PLACES, odd_text, max_size=2)},
    Verb.ARRIVED: {"path": PLACES, "size": NUMBERS, "goal": PLACES},
    Verb.BEGIN: {"goal": PLACES},
    Verb.FINISH: {"goal": PLACES, "at": odd_text},
    Verb.GROW: {"bytes": NUMBERS},
    Verb.RELEASE: {"source": RESTORES["source"]},
    Verb.WATCH: {"leave_early": FLAGS},
    Verb.CHECK: RESTORES,
    Verb.RESTORE: RESTORES,
    # With 0 times it would go on for as long as the client is there.
    Verb.SAMPLE: {"seconds": st.sampled_from([0.1, 0, -1, 1e300, "1"]), "times": st.sampled_from([1, 2, -1, 1.5, "1"])},
    Verb.SEAL: {"signatures": TABLES | st.just({"caffe-built-0": "signed"}), "shares": FLAGS},
    Verb.SHARE: {
        "entries": st.dictionaries(odd_text, TABLES, max_size=2)
        | st.just({"caffe-built-0": {"index.json": {"url": "file:///etc/passwd", "headers": {}}}})
    },
}
ENDLESS = {Verb.SAMPLE: ("seconds", "times")}
USERS = st.sampled_from([USER, USER, USER, "nobody-else", "", "root\0"]) | odd_json
MOUNTS = st.sampled_from(["{jobs}", "{jobs}", "{jobs}", "{jobs}/../vault/open", "jobs", ""]) | st.integers()
ACCOUNTS = st.fixed_dictionaries({"user": USERS, "mount_point": MOUNTS, "volume_id": st.sampled_from(["", "", "x", 1])})
RIGHT = {"user": USER, "mount_point": "{jobs}", "volume_id": ""}


@st.composite
def asked(draw: st.DrawFn, verb: Verb) -> dict[str, Any]:
    """Return a whole request: as it has to be, with a field that is anything or gone, or for no account."""
    request: dict[str, Any] = {"verb": verb.value, **draw(st.fixed_dictionaries(STRATEGIES[verb]))}
    keys = sorted(request.keys() - {"verb", *ENDLESS.get(verb, ())})
    for key in draw(st.sets(st.sampled_from(keys), max_size=1)) if keys else ():
        if draw(FLAGS):
            del request[key]
        else:
            request[key] = draw(odd_json)
    return {"request": request, "account": draw(st.just(RIGHT) | ACCOUNTS)}


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Volume]:
    shm = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=shm if os.access(shm, os.W_OK) else None) as folder:
        Path(folder).chmod(0o755)  # the account has to come this far
        lab = Lab(tmp_path_factory.mktemp("lab"), Path(folder))
        lab.edit("notice", 'Path("/etc/systemd/system")', f"Path({str(lab.world)!r})")
        lab.edit("volume", "PATIENCE = 300", "PATIENCE = 0")
        lab.edit("setup", "GRACE = 15", "GRACE = 0")
        made = Volume(lab, Path(folder))
        # Where the account could write, if it were led there.
        (made.vault / "open").mkdir()
        (made.vault / "open").chmod(0o777)
        made.fill()
        yield made
        made.end()


def placed(value: Any, volume: Volume) -> Any:
    """Return a value with the places of this volume in it."""
    if isinstance(value, dict):
        return {placed(key, volume): placed(inner, volume) for key, inner in value.items()}
    if isinstance(value, list):
        return [placed(inner, volume) for inner in value]
    if isinstance(value, str):
        return value.replace("{jobs}", str(volume.jobs)).replace("{vault}", str(volume.vault))
    return value


def see_that_it_is_ours(answer: str) -> None:
    """See that an answer is events, one by one, or ends with what the machine said of a file, a service or a disk."""
    assert answer
    for line in answer.splitlines():
        if line.startswith(("SystemExit('gpurig: ", 'SystemExit("gpurig: ')):
            continue
        event = json.loads(line)
        assert shape.is_event({**event, "event": Kind(event["event"])}), line
        if event["event"] == Kind.REFUSED:
            assert event["problem"]


def test_every_verb_has_its_strategy() -> None:
    assert STRATEGIES.keys() == set(Verb)


@pytest.mark.parametrize("verb", list(Verb))
@FEW
@given(data=st.data())
def test_whatever_is_asked_is_answered_and_nothing_else_is_touched(
    volume: Volume, verb: Verb, data: st.DataObject
) -> None:
    whole = placed(data.draw(asked(verb)), volume)
    before, beside = volume.precious(), {path.name for path in volume.folder.iterdir()}
    see_that_it_is_ours(volume.send(whole))
    assert volume.precious() == before
    assert {path.name for path in volume.folder.iterdir()} - beside <= {"started", "answer", "mounts", "home"}
    if not (volume.jobs / "runs" / "train-1" / "run.json").exists():
        volume.fill()


@FEW
@given(st.fixed_dictionaries({}, optional={"request": odd_json, "account": odd_json}), odd_json)
def test_what_is_no_request_is_refused(volume: Volume, whole: dict[str, Any], verb: Any) -> None:
    for odd in (whole, {"request": {"verb": verb}, "account": RIGHT}):
        (line,) = volume.send(odd).splitlines()
        assert json.loads(line)["event"] == Kind.REFUSED
