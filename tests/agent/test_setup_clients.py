"""Clients come, go and come back; there is one run at a time, and who follows it misses nothing."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from provision.agent import files, setup
from tests.kit.host import Event, Lab, gate, names, states
from tests.kit.wait import until


def timeless(events: list[Event]) -> list[Event]:
    """Return events as far as two clients have to agree on them."""
    return [{k: v for k, v in e.items() if k != "steps"} for e in events if e["event"] not in ("started", "joined")]


def test_a_run_goes_on_without_its_client_and_a_second_one_joins(lab: Lab) -> None:
    lab.recipe("base", body="echo hello")
    lab.recipe("tool", 'needs = ["base"]', body=f"echo before; {gate('gate')}; echo after")
    bundle = lab.bundle("tool")
    with lab.client("apply", bundle) as client:
        started = client.until("started")
        client.until("log", line="before")
    with lab.client("apply", bundle) as client:
        joined = client.until("joined")
        assert (joined["run"], joined["name"]) == (started["run"], "tool")
        client.until("log", line="before")
        lab.open("gate")
        events = client.rest()
    assert events[-1]["event"] == "ready"
    assert [event["line"] for event in events if event["event"] == "log"] == ["hello", "before", "after"]
    assert (lab.runs("base"), lab.runs("tool")) == (1, 1)


def test_a_run_ends_well_with_nobody_watching(lab: Lab) -> None:
    lab.recipe("tool", body=gate("gate"))
    with lab.client("apply", lab.bundle("tool")) as client:
        client.until("step", state="installing")
    lab.open("gate")
    until((lab.home / "ready.json").exists)
    until(lambda: not lab.processes())
    assert names(lab.ask("apply", lab.bundle("tool"))) == ["unchanged"]


def test_clients_at_once_start_one_run_and_see_the_same(lab: Lab) -> None:
    lab.recipe("tool", body=f"echo hello; {gate('gate')}")
    bundle = lab.bundle("tool")
    clients = [lab.client("apply", bundle) for _ in range(4)]
    for client in clients:
        client.until("log", line="hello")
    lab.open("gate")
    answers = [client.rest() for client in clients]
    assert sorted(answer[0]["event"] for answer in answers) == ["joined"] * 3 + ["started"]
    assert all(timeless(answer) == timeless(answers[0]) for answer in answers)
    assert answers[0][-1]["event"] == "ready"
    assert lab.runs("tool") == 1
    assert names(lab.journal()).count("start") == 1


def queue(lab: Lab) -> int:
    """Return how many clients wait for their turn to look at the host."""
    inode = (lab.home / "apply.lock").stat().st_ino
    return len([row for row in Path("/proc/locks").read_text().splitlines() if " -> " in row and f":{inode} " in row])


def test_who_asked_before_a_look_began_shares_what_it_found(lab: Lab) -> None:
    lab.recipe("tool", verify=f"echo look >> looks; {gate('gate')}; test -e tool")
    bundle = lab.bundle("tool")
    lab.open("gate")
    lab.ask("apply", bundle)
    looks = lab.world / "looks"
    looks.unlink()
    (lab.world / "gate").unlink()
    first = lab.client("apply", bundle)
    until(looks.exists)
    others = [lab.client("apply", bundle) for _ in range(4)]
    until(lambda: queue(lab) == len(others))
    lab.open("gate")
    assert [names(client.rest()) for client in (first, *others)] == [["unchanged"]] * 5
    # What the first began to look at before the others asked is not theirs: one of them looks for all four.
    assert looks.read_text() == 2 * "look\n"
    (lab.world / "tool").unlink()
    assert names(lab.ask("apply", bundle))[0] == "started", "an answer is never older than its question"


def test_another_bundle_waits_for_the_run_before_it(lab: Lab) -> None:
    lab.recipe("one", body=f"{gate('gate')}; echo one >> order")
    lab.recipe("two", body="echo two >> order")
    with lab.client("apply", lab.bundle("one")) as first:
        first.until("step", state="installing")
        with lab.client("apply", lab.bundle("two")) as second:
            assert second.until("waiting")["name"] == "one"
            lab.open("gate")
            assert first.rest()[-1]["event"] == "ready"
            events = second.rest()
    assert (events[-1]["event"], events[-1]["name"]) == ("ready", "two")
    assert states(events) == {"one": "installed", "two": "installed"}
    assert (lab.world / "order").read_text().split() == ["one", "two"]
    assert lab.json("ready.json")["name"] == "two"


def test_a_run_that_waited_is_not_held_up_by_a_failure_before_it(lab: Lab) -> None:
    lab.recipe("one", body=f"{gate('gate')}; exit 1")
    lab.recipe("two")
    with lab.client("apply", lab.bundle("one")) as first:
        first.until("step", state="installing")
        with lab.client("apply", lab.bundle("two")) as second:
            second.until("waiting")
            lab.open("gate")
            assert second.rest()[-1]["event"] == "ready"
            assert first.rest()[-1]["event"] == "failed"


def test_who_was_cut_off_goes_on_where_it_was(lab: Lab) -> None:
    lab.recipe("base", body="echo base")
    lines = "\n".join(f"echo line {number}" for number in range(4))
    lab.recipe("tool", 'needs = ["base"]', body=f"{lines}\n{gate('gate')}\necho end; printf unfinished")
    with lab.client("apply", lab.bundle("tool")) as first:
        run = first.until("started")["run"]
        first.until("log", line="line 3")
        lab.open("gate")
        whole = first.rest()
    assert whole[-3]["line"] == "unfinished"
    for cut in range(1, len(whole) - 1):
        place: dict[str, Any] = {"offset": 0, "positions": {}}
        for event in whole[: cut + 1]:
            place = (
                {**place, "offset": event["offset"]}
                if "offset" in event
                else {**place, "positions": {event["step"]: event["position"]}}
            )
        assert whole[: cut + 1] + lab.ask("follow", run=run, **place) == whole


def test_log_lines_stand_between_the_events_of_their_step(lab: Lab) -> None:
    for number in range(4):
        need = f'needs = ["s{number - 1}"]' if number else ""
        lab.recipe(f"s{number}", need, body=f"seq 1 {number * 100}; printf 'end of {number}'")
    now = lab.ask("apply", lab.bundle("s3"))
    later = lab.ask("follow", run=now[0]["run"], offset=0)
    for events in (now, later):
        told = [e for e in events if e["event"] in ("log", "step") and e.get("state") != "checking"]
        for number in range(4):
            mine = [e for e in told if e["step"] == f"s{number}"]
            assert told[: len(mine)] == mine, "nothing of another step in between"
            assert (mine[0]["state"], mine[-1]["state"]) == ("installing", "installed")
            expected = [*(str(i) for i in range(1, number * 100 + 1)), f"end of {number}"]
            assert [e["line"] for e in mine[1:-1]] == expected
            told = told[len(mine) :]
        assert not told


def test_an_earlier_run_s_lines_are_not_told_again(lab: Lab) -> None:
    lab.recipe("tool", body="echo old; exit 1")
    lab.ask("apply", lab.bundle("tool"))
    lab.recipe("tool", body="echo new")
    events = lab.ask("apply", lab.bundle("tool"))
    assert [event["line"] for event in events if event["event"] == "log"] == ["new"]


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (r"printf '\xff\xfe\x00\x01ok\n'", ["��\x00\x01ok"]),
        (r"printf 'ä→😀\n'", ["ä→😀"]),
        (r"printf '10%%\r50%%\r100%%\n'", ["100%"]),
        (r"printf '10%%\r50%%\r'; printf '\r\nafter\n'", ["50%", "after"]),
        (r"printf 'windows\r\n\n  indented\t\n'", ["windows", "", "  indented"]),
        ("head -c 10000 /dev/zero | tr '\\0' x", ["x" * 4096, "x" * 4096, "x" * 1808]),
        (r"printf '{\"event\": \"ready\"}\n'", ['{"event": "ready"}']),
        ("true", []),
    ],
)
def test_whatever_a_script_prints_arrives_as_lines(lab: Lab, body: str, lines: list[str]) -> None:
    lab.recipe("tool", body=body)
    events = lab.ask("apply", lab.bundle("tool"))
    assert [event["line"] for event in events if event["event"] == "log"] == lines
    assert names(events)[-1] == "ready"


def test_a_huge_log_arrives_whole_and_its_end_is_told_of_a_failure(lab: Lab) -> None:
    lab.recipe("tool", body="seq 1 30000; head -c 3000000 /dev/zero; exit 1")
    events = lab.ask("apply", lab.bundle("tool"))
    numbers = [event["line"] for event in events if event["event"] == "log"][:30000]
    assert numbers == [str(number) for number in range(1, 30001)]
    assert events[-1]["event"] == "failed"
    assert len(events[-1]["tail"]) == 20
    assert all(len(line) <= 4096 for line in events[-1]["tail"])


def test_a_client_gets_signs_of_life_while_nothing_is_told(lab: Lab) -> None:
    lab.recipe("tool", body=gate("gate"), verify=f"{gate('may-verify')}; test -e tool")
    lab.edit("reply", "HEARTBEAT = 10", "HEARTBEAT = 0.05")
    with lab.client("apply", lab.bundle("tool")) as client:
        assert client.process.stdout
        assert [client.process.stdout.readline() for _ in range(3)] == ['{"event": "alive"}\n'] * 3
        lab.open("may-verify")
        client.until("step", state="installing")
        assert '{"event": "alive"}\n' in [client.process.stdout.readline() for _ in range(2)]
        lab.open("gate")
        assert client.rest()[-1]["event"] == "ready"


def test_who_asks_is_never_taken_for_a_run(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "HOME", lab.home)
    lab.home.mkdir()
    (lab.home / "alive.lock").touch()
    answers: list[bool] = []
    ask = [threading.Thread(target=lambda: answers.extend(setup.running() for _ in range(300))) for _ in range(8)]
    for thread in ask:
        thread.start()
    for thread in ask:
        thread.join()
    assert len(answers) == 2400
    assert not any(answers)
    with files.lock("alive.lock"):
        assert setup.running()


def test_many_clients_and_polls_never_lose_or_double_a_run(lab: Lab) -> None:
    for number in range(3):
        lab.recipe(f"r{number}", body="sleep 0.05")
    bundles = [lab.bundle(f"r{number}") for number in range(3)]
    clients = [lab.client("apply", bundle) for bundle in bundles * 2]
    polls = [lab.client("status") for _ in range(3)]
    answers = [client.rest() for client in clients + polls]
    assert {answer[-1]["event"] for answer in answers[:6]} <= {"ready", "unchanged"}
    assert [lab.runs(f"r{number}") for number in range(3)] == [1, 1, 1]
    assert names(lab.journal()).count("start") == names(lab.journal()).count("ready") == 3


def test_the_runner_s_home_is_not_for_others_to_read(lab: Lab) -> None:
    lab.recipe("tool")
    lab.ask("apply", lab.bundle("tool"))
    for name in ("bundle.json", "journal.jsonl"):
        assert (lab.home / name).stat().st_mode & 0o022 == 0
    assert (lab.home / "bundle.json").stat().st_mode & 0o777 == 0o600
    assert (lab.home / "agent" / "current").resolve() == lab.program
