"""A program that is started before there is a request looks meanwhile, and takes what it saw only where that holds."""

from __future__ import annotations

import json
import os
import subprocess
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from provision.bundle.step import Bundle
from tests.kit.host import ACCOUNT, ASKED, Client, Lab, gate, names
from tests.kit.wait import until

WAITS = (
    "import sys\nsys.path.insert(0, sys.argv[1])\nfrom provision.agent import serve\n"
    "serve.main({'agent': '', 'early': sys.argv[2] == 'look'})"
)


class Waiting(Client):
    """A client that has started the program, and asks later."""

    def __init__(self, lab: Lab, *, look: bool = True) -> None:
        command = [lab.python, "-IS", "-c", WAITS, str(lab.program), "look" if look else ""]
        pipe = subprocess.PIPE
        super().__init__(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=lab.env))

    def asks(self, verb: str, bundle: Bundle) -> Waiting:
        """Ask for what a bundle says, by its digest."""
        request = {"verb": verb, "bundle": "", "digest": bundle.digest, **ASKED, "builders": []}
        self._write(json.dumps({"agent": "", "request": request}).encode() + b"\n")
        return self

    def sends(self, verb: str, bundle: Bundle) -> None:
        """Send the whole of a request, as the answer wants it."""
        request = {"verb": verb, "bundle": bundle.to_bytes().decode(), **ASKED, "builders": []}
        self._write(zlib.compress(json.dumps({"request": request, "account": ACCOUNT}).encode()))
        assert self.process.stdin
        self.process.stdin.close()
        self.process.stdin = None  # it would be flushed at the end

    def _write(self, data: bytes) -> None:
        assert self.process.stdin
        os.write(self.process.stdin.fileno(), data)


def looks(lab: Lab) -> int:
    """Return how often the step has been verified to the end."""
    path = lab.world / "looks"
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture
def bundle(lab: Lab) -> Bundle:
    """A bundle that the host has, with a step that counts who looks at it."""
    lab.recipe("tool", verify="test -e tool && echo >>looks")
    made = lab.bundle("tool")
    assert names(lab.ask("apply", made))[-1] == "ready"
    return made


@pytest.mark.parametrize(("verb", "answer"), [("apply", "unchanged"), ("plan", "plan")])
def test_what_was_seen_before_the_request_came_answers_it(lab: Lab, bundle: Bundle, verb: str, answer: str) -> None:
    before = looks(lab)
    with Waiting(lab) as client:
        until(lambda: looks(lab) == before + 1)
        (told,) = client.asks(verb, bundle).rest()
    assert (told["event"], told["steps"]) == (answer, {"tool": "present"})
    assert looks(lab) == before + 1


def test_who_does_not_want_a_look_waits_without(lab: Lab, bundle: Bundle) -> None:
    before = looks(lab)
    with Waiting(lab, look=False) as client:
        assert names(client.asks("apply", bundle).rest()) == ["unchanged"]
    assert looks(lab) == before + 1


def _broken(lab: Lab, _: Bundle) -> None:
    (lab.world / "tool").unlink()


def _set_up_again(lab: Lab, bundle: Bundle) -> None:
    """Have another client set it up, and break it again."""
    (lab.world / "tool").unlink()
    assert names(lab.ask("apply", bundle))[-1] == "ready"
    (lab.world / "tool").unlink()


@pytest.mark.parametrize(
    ("edits", "between"),
    [
        ([("look", "EARLY_SECONDS = 10", "EARLY_SECONDS = 0")], _broken),
        ([], _set_up_again),
    ],
    ids=["it was long ago", "a setup has been at work since"],
)
def test_a_look_that_says_nothing_of_now_is_made_again(
    lab: Lab, bundle: Bundle, edits: list[tuple[str, str, str]], between: Callable[[Lab, Bundle], None]
) -> None:
    for edit in edits:
        lab.edit(*edit)
    before = looks(lab)
    with Waiting(lab) as client:
        until(lambda: looks(lab) == before + 1)
        between(lab, bundle)
        (told,) = client.asks("plan", bundle).rest()
    assert told["steps"] == {"tool": "broken"}


def test_another_bundle_is_looked_at_for_itself(lab: Lab, bundle: Bundle) -> None:
    lab.recipe("other")
    other = lab.bundle("other")
    with Waiting(lab) as client:
        client.asks("apply", other).until("send")
        client.sends("apply", other)
        client.until("step", step="other", state="installed")
        assert client.rest()[-1]["event"] == "ready"
    assert bundle.digest != lab.json("ready.json")["digest"] == other.digest


def test_nobody_looks_where_a_setup_is_at_work(lab: Lab, bundle: Bundle) -> None:
    lab.recipe("tool", body=gate("gate"), verify="test -e tool && echo >>looks")
    new = lab.bundle("tool")
    with lab.client("apply", new) as first:
        first.until("step", state="installing")
        before = looks(lab)
        with Waiting(lab) as client:
            client.asks("apply", new).until("joined")
            assert looks(lab) == before
            lab.open("gate")
            assert client.rest()[-1]["event"] == "ready"
    assert bundle.digest != new.digest


@pytest.mark.parametrize("has_bundle", [True, False])
def test_a_client_that_goes_without_a_word_leaves_nothing(lab: Lab, request: Any, has_bundle: bool) -> None:
    if has_bundle:
        request.getfixturevalue("bundle")
    with Waiting(lab) as client:
        said, problems = client.process.communicate(timeout=60)
    assert (said, problems, client.process.returncode) == ("", "", 0)
    assert not list(lab.world.glob("gpurig-*"))
    assert has_bundle == lab.home.exists()
