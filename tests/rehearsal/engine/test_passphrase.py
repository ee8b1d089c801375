"""The passphrase of a stack: asked for and checked before anything begins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.rehearsal.engine.lab import standin_only

if TYPE_CHECKING:
    from tests.rehearsal.engine.lab import Lab


def test_without_the_passphrase_nothing_begins(lab: Lab) -> None:
    lab.program("Thing('a')")
    for verb in ("up", "destroy", "refresh"):
        text = lab.run(verb, "--yes", "--skip-preview", code=1, PULUMI_CONFIG_PASSPHRASE=None).text
        assert "passphrase must be set with" in text
    assert "incorrect passphrase" in lab.run("preview", code=1, PULUMI_CONFIG_PASSPHRASE="wrong").text
    assert lab.objects == {}
    assert "(0)" in lab.run("stack", "output", PULUMI_CONFIG_PASSPHRASE=None).text
    assert json.loads(lab.run("stack", "export", PULUMI_CONFIG_PASSPHRASE=None).text)["version"] == 3


def test_the_passphrase_may_be_empty(empty_lab: Lab) -> None:
    empty_lab.run("stack", "init", "open", PULUMI_CONFIG_PASSPHRASE="")
    empty_lab.run("preview", PULUMI_CONFIG_PASSPHRASE="")


@standin_only
def test_a_secret_setting_is_refused_by_name(lab: Lab) -> None:
    with (lab.project / "Pulumi.dev.yaml").open("a") as settings:
        settings.write("config:\n  proj:word:\n    secure: v1:AAAA:AAAA\n")
    assert "does not do secret configuration (word)" in lab.preview(code=1).text
