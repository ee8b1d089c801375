"""Stacks, and a command line that says what it does not do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.rehearsal.engine.lab import standin_only

if TYPE_CHECKING:
    from tests.rehearsal.engine.lab import Lab

pytestmark = pytest.mark.standins


def test_stacks_are_made_selected_listed_and_removed(empty_lab: Lab) -> None:
    lab = empty_lab
    assert "no stack selected" in lab.run("preview", code=1).text
    assert "no stack named 'one' found" in lab.run("stack", "select", "one", code=6).text
    assert "Created stack 'one'" in lab.run("stack", "init", "one").text
    assert "already exists" in lab.run("stack", "init", "one", code=1).text
    lab.run("stack", "select", "--create", "two")
    rows = [line.split()[0] for line in lab.run("stack", "ls").text.splitlines()]
    assert rows == ["NAME", "one", "two*"]
    lab.run("stack", "select", "one")
    lab.run("preview", "-s", "two")
    lab.run("preview", PULUMI_STACK="two")
    assert "no stack named 'three' found" in lab.run("up", "--yes", "--stack", "three", code=6).text
    lab.program("Thing('a')")
    lab.up()
    assert "still has resources" in lab.run("stack", "rm", "--yes", code=1).text
    lab.run("destroy", "--yes", "--skip-preview")
    lab.run("stack", "rm", "--yes")
    assert not (lab.project / "Pulumi.one.yaml").exists()
    assert "no stack selected" in lab.run("preview", code=1).text
    lab.run("stack", "rm", "two", "--yes")
    assert not (lab.project / "Pulumi.two.yaml").exists()
    assert len(lab.run("stack", "ls").text.splitlines()) == 1


def test_a_stack_made_with_settings_that_were_there_keeps_them_and_their_passphrase(lab: Lab) -> None:
    lab.run("config", "set", "word", "swordfish")
    settings = (lab.project / "Pulumi.dev.yaml").read_bytes()
    lab.run("stack", "rm", "--yes")
    (lab.project / "Pulumi.dev.yaml").write_bytes(settings)
    wrong = lab.run("stack", "init", "dev", code=1, PULUMI_CONFIG_PASSPHRASE="wrong").text
    assert "incorrect passphrase" in wrong
    lab.run("stack", "select", "dev", "--create")
    assert lab.run("config", "get", "word").text.strip() == "swordfish"


def test_the_project_is_found_from_a_folder_below_or_by_flag(lab: Lab) -> None:
    (lab.project / "below").mkdir()
    lab.run("stack", "output", "--cwd", str(lab.project / "below"))
    lab.run("-C", str(lab.project / "below"), "stack", "output")
    assert "no Pulumi.yaml project file found" in lab.run("-C", str(lab.home), "preview", code=1).text


def test_outputs_as_text_and_as_json(lab: Lab) -> None:
    assert "No output values currently in this stack" in lab.run("stack", "output").text
    lab.up("pulumi.export('word', 'ä')\npulumi.export('deep', {'b': [1, 2.5, None], 'a': True})")
    assert lab.run("stack", "output", "word").text == "ä\n"
    assert lab.run("stack", "output", "deep").text == '{"a":true,"b":[1,2.5,null]}\n'
    assert lab.run("stack", "output", "--json", "word").text == '"ä"\n'
    assert json.loads(lab.run("stack", "output", "--json").text) == {
        "word": "ä",
        "deep": {"a": True, "b": [1, 2.5, None]},
    }
    assert "does not have output property 'nothing'" in lab.run("stack", "output", "nothing", code=1).text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["frob"], 'unknown command "frob" for "pulumi"'),
        (["up", "--nope"], "unknown flag: --nope"),
        (["up", "-z"], "unknown shorthand flag: 'z'"),
        (["preview", "--stack"], "flag needs an argument: --stack"),
    ],
)
def test_what_pulumi_does_not_know(lab: Lab, words: list[str], message: str) -> None:
    assert message in lab.run(*words, code=1).text


@standin_only
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["import", "x"], "this stand-in engine does not do `pulumi import`; install the Pulumi CLI"),
        (["stack", "import"], "does not do `pulumi stack import`"),
        (["config", "cp"], "does not do `pulumi config cp`"),
        (["up", "--target", "x"], "unknown flag: --target"),
        (["config", "get"], "takes key, got 0"),
        (["config", "set", "a", "b", "c"], "takes key value, got 3"),
    ],
)
def test_what_the_stand_in_does_not_do_is_refused(lab: Lab, words: list[str], message: str) -> None:
    assert message in lab.run(*words, code=1).text


@standin_only
def test_help_and_version(lab: Lab) -> None:
    for words in ([], ["--help"]):
        assert "pulumi stack output" in lab.run(*words).text
    assert "--skip-preview" in lab.run("up", "--help").text
    assert lab.run("version").text.startswith("v3.")


@standin_only
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: proj\nruntime: nodejs\n", "does not do the runtime 'nodejs' (only python)"),
        ("name: proj\nruntime: python\nplugins: {providers: []}\n", "does not do `plugins:`"),
        ("runtime: python\n", "missing a 'name' attribute"),
        ("name: [\n", "could not read"),
        (
            "name: proj\nruntime: {name: python, options: {virtualenv: none}}\n",
            "'none' of Pulumi.yaml has no bin/python",
        ),
    ],
)
def test_a_project_that_cannot_be_run(lab: Lab, text: str, message: str) -> None:
    (lab.project / "Pulumi.yaml").write_text(text)
    assert message in lab.run("preview", code=1).text


@standin_only
@pytest.mark.parametrize(
    ("url", "message"),
    [("s3://bucket", "does not do the backend 's3://bucket' (only file://)"), (None, "set PULUMI_BACKEND_URL=file://")],
)
def test_a_backend_that_is_not_a_folder(lab: Lab, url: str | None, message: str) -> None:
    assert message in lab.run("preview", code=1, PULUMI_BACKEND_URL=url).text


@standin_only
@pytest.mark.parametrize("words", [("output", "--json"), ("export",)])
def test_the_state_is_read_without_the_sdk(lab: Lab, words: tuple[str, ...]) -> None:
    """`fab` asks for the state at its start: gRPC and the SDK, half a second of imports, must not be among them."""
    trace = lab.run("stack", *words, PYTHONPROFILEIMPORTTIME="1").text
    assert "rehearsal.engine.backend" in trace
    for heavy in ("grpc", "pulumi", "google.protobuf", "cryptography"):
        assert f" {heavy}\n" not in trace
