"""What the account plants in its own folders leads none of the box's programs, which are root's, anywhere else.

Real root, a second account and real files; a stand-in is only what starts services and mounts disks.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.agent.verbs import Verb
from tests.kit.account_lab import RUN, SNAPSHOT, USER, Volume
from tests.kit.host import Lab
from tests.kit.programs import write_program

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="to be root and another account takes root")

KINDS = ("link", "dangling link", "link to a folder", "hard link")
OF_RUNS = (
    *("runs", "runs/train-1", "runs/train-1/run.json", "runs/train-1/run.json.part", "runs/train-1/.run.json.part"),
    *("runs/train-1/log", "runs/train-1/end", "runs/train-1/results", "runs/train-1/results/weights"),
)
OF_SETS = ("datasets", "datasets/birds", "datasets/.birds.part", "datasets/.birds.json", "datasets/..birds.json.part")
START = dict.fromkeys(("name", "recipe", "folder", "beside", "asked", "resume"), "") | {
    "command": "train",
    "exports": [],
    "env": {"KEY": "value"},
    "once": False,
}
RESTORE: dict[str, Any] = {"source": "vol-1", "snapshot": SNAPSHOT, "path": "work/net", "in_place": False}
NOTICE = {"action": "terminate", "ends": 0.0, "at": 0.0}
LINK = {"url": "http://127.0.0.1:1/", "headers": {}}
AT = "{jobs}/datasets"

# What is asked of the box → its fields, and the places that it reads, writes, makes, gives away, renames or deletes.
CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    Verb.OVERVIEW: (
        {"units": []},
        ("runs/train-1/run.json", "datasets", "datasets/birds", "datasets/birds/manifest.json"),
    ),
    Verb.JOURNAL: ({"lines": 9, "logs": 9}, ("runs/train-1/run.json", "runs/train-1/log")),
    Verb.SAMPLE: ({"seconds": 0.1, "times": 1}, ("runs/train-1/run.json",)),
    Verb.RUNS: ({}, OF_RUNS),
    Verb.START: (START, ("runs", "runs/train-1", "work", "work/net")),
    Verb.RESUME: ({"name": "train-1"}, OF_RUNS),
    Verb.STOP: ({"name": "train-1"}, OF_RUNS),
    Verb.LOG: ({"name": "train-1", "position": -1, "lines": 0, "follow": False}, OF_RUNS),
    Verb.FILES: ({"what": "train-1", "watch": False, "parts": {}}, OF_RUNS),
    f"{Verb.FILES} by a pattern": ({"what": "work/**/*", "watch": False, "parts": {}}, ("work", "work/net/train.py")),
    Verb.TREE: ({"path": "{jobs}/work/net"}, ("work", "work/net", "work/net/train.py")),
    Verb.ORDER: (
        {"files": {f"{AT}/.birds.part/order": "x"}},
        (*OF_SETS, *(f"datasets/.birds.part/{name}" for name in ("order", ".order.part"))),
    ),
    Verb.ARRIVED: (
        {"path": f"{AT}/.birds.part/up", "size": 9999, "goal": f"{AT}/birds"},
        (*OF_SETS, "datasets/.birds.part/up"),
    ),
    Verb.BEGIN: ({"goal": f"{AT}/birds"}, (*OF_SETS, "datasets/.birds.part/put", "datasets/.birds.part/put.new")),
    Verb.FINISH: (
        {"goal": f"{AT}/birds", "at": "today"},
        (*OF_SETS, "datasets/.birds.part/put", "datasets/.birds.part/old"),
    ),
    Verb.CHECK: (RESTORE, ("restored", "work", "work/net")),
    Verb.RESTORE: (
        RESTORE,
        (
            "restored",
            f"restored/{SNAPSHOT}",
            f"restored/{SNAPSHOT}/work",
            f"restored/.{SNAPSHOT}.part",
            ".gpurig",
            ".gpurig/restore",
        ),
    ),
    f"{Verb.RESTORE} in place": (RESTORE | {"in_place": True}, ("work", "work/net")),
    f"{Verb.RESTORE} of all": (RESTORE | {"path": ""}, ("restored", f"restored/{SNAPSHOT}", ".gpurig")),
    Verb.RELEASE: ({"source": "vol-1"}, ("restored", ".gpurig", ".gpurig/restore")),
    Verb.SEAL: ({"signatures": {"caffe-built-0": "signed"}, "shares": True}, (".gpurig", ".gpurig/kept")),
    Verb.SHARE: ({"entries": {"caffe-built-0": {"index.json": LINK}}}, (".gpurig", ".gpurig/kept")),
    "leave:recommended": ({"more": []}, ("runs", "runs/train-1", "runs/train-1/log")),
    "leave:let_go": ({"more": [NOTICE]}, OF_RUNS[:6]),
}
APART = {
    **dict.fromkeys((Verb.APPLY, Verb.PLAN, Verb.FOLLOW, Verb.STATUS, Verb.FACTS), "know no account"),
    **dict.fromkeys((Verb.GUARD, Verb.WATCH), "is in root's own folders"),
    **dict.fromkeys((Verb.VOLUME, Verb.SYNC, Verb.GROW), "is about the file system, and no file of it"),
}


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Volume]:
    shm = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=shm if os.access(shm, os.W_OK) else None) as folder:
        Path(folder).chmod(0o755)  # the account has to come this far
        made = Volume(Lab(tmp_path_factory.mktemp("lab"), Path(folder)), Path(folder))
        yield made
        made.end()


def _request(case: str, jobs: Path) -> tuple[str, dict[str, Any]]:
    """Return the verb of a case, and its fields with the paths of this volume."""

    def placed(value: Any) -> Any:
        if isinstance(value, dict):
            return {placed(key): placed(inner) for key, inner in value.items()}
        return value.replace("{jobs}", str(jobs)) if isinstance(value, str) else value

    return case.partition(" ")[0], placed(CASES[case][0])


def test_everything_that_can_be_asked_of_a_box_has_its_case_or_a_reason_for_none() -> None:
    assert {case.partition(" ")[0] for case in CASES if ":" not in case} | APART.keys() == set(Verb)


@pytest.mark.parametrize("case", CASES)
def test_what_is_asked_does_its_work_where_nothing_is_planted(volume: Volume, case: str) -> None:
    volume.fill()
    verb, fields = _request(case, volume.jobs)
    answer = volume.ask(verb, **fields)
    assert "refused" not in answer
    assert "Error" not in answer
    assert "gpurig:" not in answer.replace("gpurig: EC2", "")


@pytest.mark.parametrize("case", CASES)
def test_nothing_of_roots_is_read_changed_made_or_given_away(volume: Volume, case: str) -> None:
    before = volume.precious()
    verb, fields = _request(case, volume.jobs)
    for spot in CASES[case][1]:
        for kind in KINDS:
            volume.fill()
            volume.plant(spot, kind)
            answer = volume.ask(verb, **fields)
            assert volume.precious() == before, f"{kind} at {spot}: {answer}"
            assert not volume.tells(answer), f"{kind} at {spot}: {answer}"
            assert "Traceback" not in answer


def test_who_a_run_is_when_it_goes_on_is_not_what_its_record_says(volume: Volume) -> None:
    volume.fill()
    record = volume.jobs / "runs" / "train-1" / "run.json"
    record.write_text(json.dumps(RUN | {"user": "root"}))
    volume.ask(Verb.RESUME, name="train-1")
    words = volume.started.read_text().splitlines()
    assert f"--property=User={USER}" in words
    assert "root" not in "\n".join(words)


def test_no_line_of_a_unit_comes_from_a_record(volume: Volume) -> None:
    volume.fill()
    volume.started.unlink(missing_ok=True)
    folder = volume.jobs / "a\nExecStartPre=+touch evil"
    folder.mkdir()
    (volume.jobs / "runs" / "train-1" / "run.json").write_text(json.dumps(RUN | {"folder": str(folder)}))
    assert "refused" in volume.ask(Verb.RESUME, name="train-1")
    assert not volume.started.exists()


def test_what_a_restore_has_copied_so_far_is_out_of_the_accounts_reach(volume: Volume) -> None:
    volume.fill()
    before = volume.precious()
    # The account renames all that it may and puts links there, just before root copies.
    attack = f"cd {volume.jobs}; mv restored away; mv .gpurig gone; mkdir -p .gpurig; ln -s {volume.etc} restored"
    attack += f"; ln -s {volume.etc} .gpurig/restore; ln -s {volume.etc} gone/restore/part/net"
    write_program(volume.lab.bin / "cp", f'setpriv --reuid={USER} -- bash -c "{attack}" 2>/dev/null\nexec /bin/cp "$@"')
    try:
        volume.ask(Verb.RESTORE, **RESTORE)
    finally:
        (volume.lab.bin / "cp").unlink()
    assert volume.precious() == before
    assert (volume.jobs / "gone" / "restore").is_dir()
