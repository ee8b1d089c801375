"""The way in: answers one request of a client. The launcher that comes over SSH calls `main`."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision.agent.asked import need_account, verb_of
from provision.agent.paths import BUNDLE, PROGRAMS
from provision.agent.reply import Refused, beat, say
from provision.agent.verbs import Verb
from provision.agent.words import Kind

if TYPE_CHECKING:
    from typing import Optional

    from provision.agent.wire.requests import Ask, Whole

HOUR = 3600
SETUP_VERBS = {Verb.APPLY: "apply", Verb.PLAN: "apply", Verb.FOLLOW: "apply", Verb.STATUS: "facts", Verb.FACTS: "facts"}
"""Verb → the module whose function of that name answers: of setups, which know no account."""
ACCOUNT_VERBS = {
    **dict.fromkeys((Verb.OVERVIEW, Verb.JOURNAL), "overview"),
    Verb.GUARD: "guard",
    **dict.fromkeys((Verb.RUNS, Verb.STOP, Verb.LOG), "runs"),
    Verb.START: "start",
    Verb.RESUME: "resume",
    Verb.WATCH: "watch",
    **dict.fromkeys((Verb.FILES, Verb.TREE), "transfer"),
    **dict.fromkeys((Verb.ORDER, Verb.ARRIVED, Verb.BEGIN, Verb.FINISH), "datasets"),
    **dict.fromkeys((Verb.VOLUME, Verb.SYNC, Verb.GROW, Verb.RELEASE), "volume"),
    **dict.fromkeys((Verb.CHECK, Verb.RESTORE), "restore"),
    Verb.SAMPLE: "sampler",
    Verb.SEAL: "kept_signs",
    Verb.SHARE: "kept_bucket",
}
"""The same, of what is done in an account's folders."""


def main(ask: Ask, whole: Optional[Whole] = None) -> None:
    """Answer what the command line asks for, or the `whole` request that came with this program.

    Raises `SystemExit` with what went wrong.
    """
    os.umask(0o022)
    try:
        if whole is None and "early" in ask:
            ask = _waited_for(look=ask["early"])
        if whole is None:
            whole = _from_command_line(ask) or _received()
        elif whole.get("agent"):
            _forget_others()
        _answer(whole)
    except Refused as refusal:
        say({"event": Kind.REFUSED, "problem": str(refusal), "hint": refusal.hint, "missing": refusal.missing})
    except OSError as error:
        raise SystemExit(f"gpurig: {error}") from error


def _waited_for(*, look: bool) -> Ask:
    """Return what the client asks for, once it knows. Raises `SystemExit` where it asks for nothing.

    `look`: begin meanwhile with what a setup or a plan asks first.
    """
    if look:
        from provision.agent.look import begin  # noqa: PLC0415

        begin()
        from provision.agent import apply  # noqa: F401, PLC0415 - what is to answer is there by then
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        sys.exit()
    say({"event": Kind.ALIVE})  # from here on it is being done
    ask: Ask = json.loads(line)
    return ask


def _from_command_line(ask: Ask) -> Optional[Whole]:
    """Return the request with the bundle that this box has; None where that is not enough."""
    request = ask.get("request")
    if request is None:
        return None
    if request["verb"] != Verb.FOLLOW:
        from provision.agent.steps import open_bundle  # noqa: PLC0415 - what is no setup answers sooner without

        try:
            text = BUNDLE.read_text(encoding="utf-8")
            if open_bundle(text)["digest"] != request["digest"]:
                return None
        except (OSError, ValueError):
            return None
        request["bundle"] = text
    return {"request": request, "account": {"user": "", "mount_point": "", "volume_id": ""}, "agent": None}


def _received() -> Whole:
    """Ask the client for the whole request."""
    import zlib  # noqa: PLC0415

    say({"event": Kind.SEND, "agent": False})
    try:
        whole: Whole = json.loads(zlib.decompress(sys.stdin.buffer.read()))
    except (zlib.error, ValueError, RecursionError) as error:
        raise Refused(f"the request arrived damaged: {error}", "the same command sends it again") from error
    return whole


def _forget_others() -> None:
    """Remove the versions of this program that came before it; those of services are still theirs.

    One that was used within the hour may be another client's, who is at it now.
    """
    import shutil  # noqa: PLC0415

    needed = (Path(__file__).resolve().parents[2], *((PROGRAMS / name).resolve() for name in ("current", "watch")))
    with contextlib.suppress(OSError):  # there is no such folder on a full disk, or somebody else removes it too
        for folder in PROGRAMS.iterdir():
            if folder.resolve() not in needed and time.time() - folder.lstat().st_mtime > HOUR:
                shutil.rmtree(folder)


def _answer(whole: Whole) -> None:
    verb = verb_of(whole)
    if verb in ACCOUNT_VERBS:
        need_account(whole, verb)
    # A setup that is being started is never left in the middle; whoever waits for a run may wait for days.
    threading.Thread(target=beat, kwargs={"leave": verb in ACCOUNT_VERBS}, daemon=True).start()
    module: Any = importlib.import_module(f"provision.agent.{SETUP_VERBS.get(verb) or ACCOUNT_VERBS[verb]}")
    arguments = (whole["request"], whole["account"]) if verb in ACCOUNT_VERBS else (whole["request"],)
    getattr(module, verb.value)(*arguments)
