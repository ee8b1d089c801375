"""The settings of a stack: what reaches the program, how they are set, and what is kept of the file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

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
