"""A client brings the box to a bundle: starts or joins a setup and follows it; or asks what one would find."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from provision.agent.events import end_of_journal, events_after
from provision.agent.files import load, lock, remove, write
from provision.agent.journal import log_after
from provision.agent.kept_signs import offer, trust
from provision.agent.look import shared_states, states_of
from provision.agent.notice import need_future
from provision.agent.paths import BUNDLE, PENDING, READY, log_of
from provision.agent.reply import say
from provision.agent.setup import GRACE, finish, launch, pending, prepare, running
from provision.agent.steps import open_bundle
from provision.agent.words import ENDINGS, KEPT_KINDS, Kind, StepState, kept_name

if TYPE_CHECKING:
    from typing import Dict, List, Mapping, Optional, Union

    from provision.agent.wire import requests
    from provision.agent.wire.documents import Bundle, ReadyMark
    from provision.agent.wire.kept import Lent, Wanted
    from provision.agent.wire.setups import Recorded, Started, Unchanged


def plan(request: requests.Plan) -> None:
    """Answer with the state of each step; installs nothing."""
    say({"event": Kind.PLAN, "steps": states_of(open_bundle(request["bundle"])), "running": running()})


def apply(request: requests.Apply) -> None:
    """Bring the host to what the bundle says: start or join a setup and follow it; nothing where all is there."""
    need_future()
    bundle = open_bundle(request["bundle"])
    while True:
        asked = time.monotonic()
        answer: Optional[Union[Started, Unchanged, Wanted]] = None
        with lock("apply.lock"):
            with lock("run.lock", wait=False) as free:
                if free:
                    answer = _begin(request, bundle, asked)
                now = pending()
            if answer and answer["event"] == Kind.STARTED:
                launch()
        if answer:
            if answer["event"] == Kind.UNCHANGED:
                offer()
            say(answer)
            if answer["event"] == Kind.STARTED:
                follow({"run": answer["run"], "offset": answer["offset"], "positions": {}})
            return
        if not now:
            time.sleep(0.1)  # that setup is just ending
            continue
        same = now["digest"] == bundle["digest"]
        say({"event": Kind.JOINED if same else Kind.WAITING, "run": now["run"], "name": now["name"]})
        if follow({"run": now["run"], "offset": 0, "positions": {}}) == Kind.REBOOT and not same:
            time.sleep(GRACE)  # the machine goes down under us; the client asks again when it is back
            return
        if same:
            return


def _begin(request: requests.Apply, bundle: Bundle, asked: float) -> Union[Started, Unchanged, Wanted]:
    """Make the bundle pending if there is anything to do; returns what to tell the client."""
    fresh = request["fresh"]
    states = shared_states(bundle, asked, fresh=fresh)
    if not fresh and set(states.values()) <= {StepState.PRESENT}:
        ready: Optional[ReadyMark] = load(READY)
        if not ready or ready["digest"] != bundle["digest"]:
            remove(PENDING)
            write(BUNDLE, request["bundle"])
            ready = finish(bundle)
        return {"event": Kind.UNCHANGED, "steps": states, "since": ready["at"]}
    wanted = _wanted(bundle, states) if request["builds"] is None and not fresh else []
    if wanted:
        return {"event": Kind.WANTED, "entries": wanted}
    _lend(request["builds"] or {})
    trust(request["builders"])
    offset = end_of_journal()
    run = prepare(request["bundle"], fresh=fresh)["run"]
    return {"event": Kind.STARTED, "run": run, "offset": offset, "steps": states}


def _wanted(bundle: Bundle, states: Mapping[str, StepState]) -> List[str]:
    """Return the names of the kept builds that a setup would look for."""
    done = (StepState.PRESENT, StepState.FOUND, StepState.FITTING)
    steps = [step for step in bundle["steps"] if step["key"] and states[step["name"]] not in done]
    kinds = [(step, kind) for step in steps for kind in KEPT_KINDS if step["keeps"] or kind != "built"]
    return [kept_name(step["name"], kind, step["key"]) for step, kind in kinds]


def _lend(entries: Dict[str, Lent]) -> None:
    from provision.agent.kept_bucket import lend  # noqa: PLC0415 - HTTP is slow to import, and mostly nothing is there to do

    lend(entries)


def follow(request: requests.Place) -> Kind:
    """Answer with the events of a setup and with its log lines, until it ends; returns what ended it.

    `offset` (of the journal) and `positions` (in the logs of the steps in progress) are what a client that was cut off
    has seen last: the journal is read from its beginning, to know those steps, and told from there.
    """
    run, end, seen = request["run"], 0, time.monotonic()
    logs: Dict[str, int] = {}
    while True:
        now = pending()
        mine = now if now and now["run"] == run else None
        seen = time.monotonic() if mine and running() else seen
        ending: Optional[Kind] = None
        for event, end in events_after(end):  # noqa: B020 - each look goes on where the one before ended
            if event["run"] != run:
                continue
            told, kind, ended = end <= request["offset"], Kind(event["event"]), _ended_by(event, logs)
            if not told:
                _tell_logs(logs, ended, ended=True)
                event["offset"] = end
                _tell(event)
                # A restart with something after it is history.
                ending = kind if kind in ENDINGS else None
            for step in logs.copy() if kind == Kind.START else ended:
                del logs[step]
            if event["event"] == Kind.STEP and event["state"] == StepState.INSTALLING:
                logs[event["step"]] = request["positions"].get(event["step"], 0) if told else 0
        if ending:
            return ending
        _tell_logs(logs, list(logs))
        if time.monotonic() - seen > GRACE * (8 if mine and mine["rebooted"] else 1):
            say({"event": Kind.LOST, "run": run, "steps": list(logs)})
            return Kind.LOST
        time.sleep(0.1)


def _ended_by(event: Recorded, logs: Dict[str, int]) -> List[str]:
    """Return those of the steps that write to their `logs` which do so no more when an event is told."""
    if event["event"] == Kind.STEP:
        ends = event["state"] in (StepState.INSTALLED, StepState.FAILED)
        return [event["step"]] if ends and event["step"] in logs else []
    return list(logs) if event["event"] in ENDINGS else []


def _tell(event: Recorded) -> None:
    """Answer with an event of the journal; before one that ends a setup, with what that built."""
    if event["event"] in (Kind.READY, Kind.FAILED):
        offer()
    say(event)


def _tell_logs(logs: Dict[str, int], steps: List[str], *, ended: bool = False) -> None:
    """Answer with what came into the logs of steps after the place in each, and move that."""
    for step in steps:
        for line, after in log_after(log_of(step), logs[step], ended=ended):
            logs[step] = after
            say({"event": Kind.LOG, "step": step, "line": line, "position": after})
