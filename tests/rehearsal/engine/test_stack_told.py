"""What programs are told of stacks: `stack ls --json` and `stack export`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.rehearsal.engine.lab import Lab


def test_stacks_and_their_states_are_told_to_programs(lab: Lab) -> None:
    lab.run("stack", "init", "other")
    lab.run("stack", "select", "dev")
    lab.up("Thing('a', size=2)")
    dev, other = json.loads(lab.run("stack", "ls", "--json").text)
    assert (dev["name"], dev["current"], dev["resourceCount"]) == ("dev", True, len(lab.latest["resources"]))
    assert dev["lastUpdate"].endswith("Z")
    told = json.loads(lab.run("stack", "ls", "--json", PULUMI_STACK="other").text)
    assert [one["current"] for one in told] == [False, True], "as for every other verb"
    assert (other["name"], other["current"], other["resourceCount"]) == ("other", False, 0)
    exported = json.loads(lab.run("stack", "export").text)
    assert exported["version"] == 3
    assert exported["deployment"]["resources"] == lab.latest["resources"]
    # Neither an empty state nor a lost passphrase is in the way.
    empty = json.loads(lab.run("stack", "export", "--stack", "other", PULUMI_CONFIG_PASSPHRASE=None).text)
    assert empty["deployment"].get("resources") in (None, [])
    assert "no stack named 'none' found" in lab.run("stack", "export", "--stack", "none", code=6).text
