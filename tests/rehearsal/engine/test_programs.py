"""What a program may do besides registering resources: fail, print, log, invoke, wait for unknowns, export."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.rehearsal.engine.lab import standin_only

if TYPE_CHECKING:
    from tests.rehearsal.engine.lab import Lab

pytestmark = pytest.mark.standins


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("Thing('a')\nraise ValueError('broken program')", "ValueError: broken program"),
        ("Thing('a')\nraise pulumi.RunError('bad settings')", "error: bad settings"),
        ("import sys; sys.exit(3)", "program exited with non-zero exit code: 3"),
        ("Thing('a', size='huge')", "has a problem: expected a number"),
        ("pulumi.runtime.invoke('lab:index:refuse', {})", "not that word (word)"),
        ("pulumi.runtime.invoke('lab:index:crash', {})", "no such function"),
        ("Thing('a')\nThing('a')", "Duplicate resource URN"),
    ],
    ids=["exception", "RunError", "exit", "check", "refused invoke", "failed invoke", "duplicate"],
)
def test_a_bad_program_fails_its_preview_and_deletes_nothing(lab: Lab, body: str, message: str) -> None:
    lab.up("Thing('kept')")
    assert message in lab.preview(body, code=1).text
    lab.up(code=1)
    assert "kept" in lab.objects


def test_messages_of_the_program_and_of_its_log(lab: Lab) -> None:
    text = lab.preview("a = Thing('a')\nprint('printed')\npulumi.log.info('told')\npulumi.log.warn('careful', a)").text
    assert "    printed\n" in text
    assert "    told\n" in text
    assert "  lab:index:Thing (a):\n    warning: careful\n" in text
    assert "error: stop" in lab.preview("pulumi.log.error('stop')").text


def test_unknowns_stay_unknown_in_a_preview_and_invokes_wait_for_them(lab: Lab) -> None:
    body = (
        "a = Thing('a')\n"
        "a.serial.apply(lambda s: print('serial is', s))\n"
        "word = pulumi.Output.from_input(pulumi.runtime.invoke_output('lab:index:echo', {'word': a.serial}))\n"
        "word.apply(lambda w: print('word is', w['word']))\n"
        "Thing('b', word=word)\n"
    )
    assert " is " not in lab.preview(body).text.replace("is not", "")
    assert not (lab.cloud / "invokes.jsonl").exists()
    text = lab.up().text
    assert "serial is serial-a-" in text
    assert "word is serial-a-" in text
    text = lab.preview(body.replace("Thing('a')", "Thing('a', size=2)")).text
    assert "1 to update" in text


def test_outputs_show_what_changes(lab: Lab) -> None:
    lab.up("pulumi.export('same', 1)\npulumi.export('old', 'x')\npulumi.export('gone', [1])")
    text = lab.up("pulumi.export('same', 1)\npulumi.export('old', 'y')\npulumi.export('new', {'a': None})").text
    assert '  ~ old : "x" => "y"' in text
    assert "  + new : {" in text
    assert "  - gone: [" in text
    assert "    same: 1" in text


@standin_only
def test_a_failed_up_keeps_the_outputs_that_were(lab: Lab) -> None:
    lab.up("pulumi.export('serial', Thing('a').serial)")
    lab.up("raise ValueError", code=1)
    assert "serial" in json.loads(lab.run("stack", "output", "--json").text)


def test_component_outputs_are_kept(lab: Lab) -> None:
    lab.up("g = Group('g')\ng.register_outputs({'x': Thing('a').serial})")
    assert lab.resource("g")["outputs"]["x"].startswith("serial-a-")


_STASH = """
stash = pulumi.Stash("kept", input=VALUE, opts=Opts(OPTS))
said = pulumi.runtime.invoke("pulumi:pulumi:getResource", {"urn": stash.urn}).value
print("kept is", said["state"]["output"], "and named", said["urn"].rpartition("::")[2])
"""


def test_a_stash_keeps_its_first_value_and_a_program_reads_it_at_once(lab: Lab) -> None:
    ignoring = _STASH.replace("OPTS", "ignore_changes=['input']")
    assert "kept is one and named kept" in lab.preview(ignoring.replace("VALUE", "'one'")).text
    assert "kept is two and named kept" in lab.preview(ignoring.replace("VALUE", "'two'")).text
    assert "kept is one and named kept" in lab.up(ignoring.replace("VALUE", "'one'")).text
    again = lab.up(ignoring.replace("VALUE", "'two'"))
    assert "kept is one and named kept" in again.text
    assert again.counts == {"unchanged": 2}
    changed = lab.up(_STASH.replace("VALUE", "'two'").replace("OPTS", ""))
    assert "kept is one and named kept" in changed.text
    assert changed.counts == {"updated": 1, "unchanged": 1}
    assert lab.resource("kept")["outputs"] == {"input": "two", "output": "one"}


def test_a_stash_is_in_the_state_though_the_program_fails_after_it(lab: Lab) -> None:
    lab.up("kept = pulumi.Stash('kept', input='one')\nThing('a', size='huge', opts=Opts(depends_on=[kept]))", code=1)
    assert lab.resource("kept")["outputs"]["output"] == "one"


def test_what_was_not_registered_is_no_resource(lab: Lab) -> None:
    urn = "urn:pulumi:dev::lab::lab:index:Thing::a"
    body = f"pulumi.runtime.invoke('pulumi:pulumi:getResource', {{'urn': {urn!r}}})"
    assert f"unknown resource {urn}" in lab.preview(body, code=1).text
