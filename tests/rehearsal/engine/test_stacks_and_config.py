"""Stacks, their settings, and a command line that says what it does not do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.rehearsal.engine.lab import standin_only

if TYPE_CHECKING:
    from tests.rehearsal.engine.lab import Lab

DECLARED = """
config:
  need: {type: string}
  count: {type: integer, default: 3}
  flag: {type: boolean, default: true}
  names: {type: array, items: {type: string}, default: [a, b]}
  other:plain: hello
  lab:region: {value: south}
"""


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


def test_all_settings_with_the_projects_own_and_the_stacks_name(lab: Lab) -> None:
    lab.describe(DECLARED)
    lab.run("config", "set", "need", "x")
    lab.run("config", "set", "--path", "table.of", "y")
    found = json.loads(lab.run("config", "--json").text)
    assert found["proj:need"] == {"value": "x", "secret": False}
    assert found["proj:count"] == {"value": "3", "secret": False}
    assert found["proj:names"] == {"value": '["a","b"]', "objectValue": ["a", "b"], "secret": False}
    assert found["proj:table"]["objectValue"] == {"of": "y"}
    assert found["lab:region"]["value"] == "south"
    assert "count" in lab.run("config").text
    assert lab.run("stack", "--show-name").text == "dev\n"


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


def test_configuration_reaches_the_program_with_defaults_and_types(lab: Lab) -> None:
    lab.describe(DECLARED)
    lab.program(
        "c = pulumi.Config()\n"
        "pulumi.export('all', [c.require('need'), c.require_int('count'), c.require_bool('flag'), "
        "c.require_object('names'), pulumi.Config('other').require('plain'), c.get_object('deep')])\n"
        "pulumi.export('region', echo()['region'])\n"
    )
    assert "missing configuration value 'need'" in lab.preview(code=1).text
    lab.run("config", "set", "need", "5")
    lab.run("config", "set", "count", "x")
    assert "configuration key 'count' must be of type 'integer'" in lab.preview(code=1).text
    lab.run("config", "set", "count", "7")
    lab.run("config", "set", "--path", "deep.list[0]", "true")
    lab.run("config", "set", "--path", "deep.list[1]", "12")
    lab.run("config", "set", "--path", 'deep["a.b"]', "w")
    lab.up()
    outputs = json.loads(lab.run("stack", "output", "--json").text)
    assert outputs == {"all": ["5", 7, True, ["a", "b"], "hello", {"list": [True, 12], "a.b": "w"}], "region": "south"}


def test_config_get_set_and_rm(lab: Lab) -> None:
    lab.describe(DECLARED)
    assert lab.run("config", "get", "count").text.strip() == "3"
    lab.run("config", "set", "count", "4")
    lab.run("config", "set", "aws:region", "us-east-1")
    lab.run("config", "set", "negative", "--", "-5")
    lab.run("config", "set", "--path", "deep.a", "1")
    lab.run("config", "set", "--path", "deep.b", "2")
    settings = yaml.safe_load((lab.project / "Pulumi.dev.yaml").read_text())
    assert settings["config"] == {
        "proj:count": "4",
        "aws:region": "us-east-1",
        "proj:negative": "-5",
        "proj:deep": {"a": 1, "b": 2},
    }
    lab.run("config", "rm", "count")
    assert lab.run("config", "get", "count").text.strip() == "3"
    assert "configuration key 'nothing' not found for stack 'dev'" in lab.run("config", "get", "nothing", code=1).text
    assert lab.run("config", "get", "names").text.strip() == '["a","b"]'
    assert lab.run("config", "get", "deep").text.strip() == '{"a":1,"b":2}'


@standin_only
def test_comments_and_order_of_the_settings_survive(lab: Lab) -> None:
    file = lab.project / "Pulumi.dev.yaml"
    salt = file.read_text()
    file.write_text(
        f"# above\n{salt}config:\n  # first\n  proj:first: 0\n  # the size\n  proj:size: 1 # small\n  # the rest\n"
        "  proj:list: [1, 2]\n  proj:names:\n    - a\n    - b # the last\n\n  # deep\n  proj:deep:\n    a: 1 # inner\n"
        "  # then\n  proj:text: |\n    one\n    two\n\n# below\n"
    )
    for words in ("size 2", "text three", "new 4", "names a,b", "--path deep.b x", "--path deep.c[0] true"):
        lab.run("config", "set", *words.split())
    for key in ("list", "first", "nothing"):
        lab.run("config", "rm", key)
    assert file.read_text() == (
        f"# above\n{salt}config:\n  # first\n  # the size\n  proj:size: '2' # small\n  # the rest\n"
        "  proj:names: a,b\n\n  # deep\n  proj:deep:\n    a: 1 # inner\n    b: x\n    c:\n      - true\n"
        "  # then\n  proj:text: |-\n    three\n  proj:new: '4'\n# below\n"
    )


@standin_only
def test_settings_that_are_only_comments_stay(lab: Lab) -> None:
    file = lab.project / "Pulumi.dev.yaml"
    lab.run("stack", "rm", "--yes")
    file.write_text("# an example\n# config:\n")
    lab.run("stack", "select", "dev", "--create")
    lab.run("config", "set", "size", "2")
    comments, salt, rest = file.read_text().partition("encryptionsalt: ")
    assert (comments, salt) == ("# an example\n# config:\n", "encryptionsalt: ")
    assert rest.endswith("\nconfig:\n  proj:size: '2'\n")


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
