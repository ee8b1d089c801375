"""All settings of a stack at once, as other programs read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

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
