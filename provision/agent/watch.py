"""The service of a spot box that asks EC2 every few seconds whether it takes the box, and then lets go of all in time.

It comes with the first run or setup that a client asks for, as a part of the client's program: user-data has no room
for it. A recommendation to leave is told, and followed where the settings say so.
"""

from __future__ import annotations

import calendar
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent import leave
from provision.agent.files import load, lock, write
from provision.agent.imds import Metadata
from provision.agent.notice import EARLY, NOTICE, WATCH_FILE, WATCH_UNIT, end_of_box, ending
from provision.agent.paths import HOME, PROGRAMS
from provision.agent.processes import output, run, run_checked
from provision.agent.reply import Refused, say
from provision.agent.service import PYTHON, has_systemd, use_this_program
from provision.agent.words import Kind

if TYPE_CHECKING:
    from typing import Optional

    from provision.agent.wire import requests
    from provision.agent.wire.documents import Account, Ending, Watched

EVERY = 5
"""Seconds between two questions (EC2 User Guide, "Spot Instance interruption notices")."""
LINK = PROGRAMS / "watch"
"""A link to the version of this program that watches."""
WHOSE = HOME / "watch.json"
"""Whose runs and volume it is about, and what to do at a recommendation."""
TEXT = f"""[Unit]
Description=gpurig: whether EC2 takes this spot box
ConditionPathExists={WHOSE}
StartLimitIntervalSec=0

[Service]
Type=exec
WorkingDirectory={LINK}
ExecStart={PYTHON} -m provision.agent.watch
Restart=on-failure
RestartSec={EVERY}
# A box that is short of memory needs it most.
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
"""
NOTICE_SECONDS = 120
"""That EC2 gives ahead of the end, and a box itself that goes as EC2 recommends."""
NEVER = 86400


# -- what a client can ask


def watch(request: requests.Watch, account: Account) -> None:
    """Have this box watch for EC2's notice from now on, with this program; answer when it does."""
    if not has_systemd():
        raise Refused("this host has no systemd, and what watches for EC2's notice is a systemd service")
    wanted: Watched = {"account": account, "leave_early": request["leave_early"]}
    with lock("watch.lock"):
        same = LINK.resolve() == Path(__file__).resolve().parents[2] and load(WHOSE) == wanted
        up = output("systemctl", "is-active", WATCH_UNIT).strip() == "active"
        if not (same and up) and not ending():
            use_this_program(LINK)
            write(WHOSE, json.dumps(wanted))
            write(WATCH_FILE, TEXT, 0o644)
            run_checked("systemctl", "daemon-reload")
            run_checked("systemctl", "--quiet", "enable", WATCH_UNIT)
            run_checked("systemctl", "restart", WATCH_UNIT)
    say({"event": Kind.DONE})


# -- the service


def main() -> None:
    """Watch until EC2 has taken the box. Returns at once where it is no spot box (an image that one was baked from)."""
    watched: Watched = json.loads(WHOSE.read_text(encoding="utf-8"))
    metadata = Metadata()
    if _until_known(metadata) != "spot":
        return
    told = False
    while True:
        try:
            if not told and metadata.get("events/recommendations/rebalance"):
                told = True
                leave.recommended(watched["account"])
                if watched["leave_early"]:
                    now = round(time.time(), 3)
                    _leave(watched["account"], {"action": EARLY, "ends": now + NOTICE_SECONDS, "at": now})
                    run("systemctl", "poweroff")
            notice = _notice(metadata.get("spot/instance-action"))
        except OSError as error:
            print(f"gpurig: {error}", file=sys.stderr, flush=True)
            notice = None
        if notice:
            _leave(watched["account"], notice)
            time.sleep(NEVER)
        time.sleep(EVERY)


def _until_known(metadata: Metadata) -> str:
    """Return how the instance is paid for, as soon as EC2 answers."""
    while True:
        try:
            return metadata.get("instance-life-cycle") or ""
        except OSError as error:
            print(f"gpurig: {error}", file=sys.stderr, flush=True)
            time.sleep(EVERY)


def _notice(text: Optional[str]) -> Optional[Ending]:
    """Read EC2's notice. One that cannot be read is one all the same: two minutes are what there is."""
    if text is None:
        return None
    now = round(time.time(), 3)
    try:
        said = json.loads(text)
        ends = float(calendar.timegm(time.strptime(said["time"], "%Y-%m-%dT%H:%M:%SZ")))
        return {"action": str(said["action"]), "ends": ends, "at": now}
    except (ValueError, LookupError, TypeError):
        return {"action": "terminate", "ends": now + NOTICE_SECONDS, "at": now}


def _leave(account: Account, notice: Ending) -> None:
    """Let go of everything, and say so."""
    write(NOTICE, json.dumps(notice), 0o644)
    leave.journal("taken", notice["ends"])
    leave.tell(f"{end_of_box(notice)}: what runs is asked to end")
    why = leave.let_go(account, notice)
    leave.journal("left", notice["ends"], why)
    leave.tell(f"the job volume is let go of{f', but {why}' if why else ''}; this box ends any moment")


if __name__ == "__main__":
    main()
