"""Secrets: never on the screen, never in clear in the state; the passphrase is asked for and checked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.rehearsal.engine.lab import standin_only

if TYPE_CHECKING:
    from tests.rehearsal.engine.lab import Lab

WORD = "swordfish-4711"


def _files(lab: Lab) -> str:
    """All that the engine wrote, but for the cloud itself."""
    folders = (lab.project, lab.home / "backend", lab.home / "pulumi-home" / "workspaces")
    return "".join(f.read_text() for folder in folders for f in folder.rglob("*") if f.is_file() and f.suffix != ".py")


def test_a_secret_travels_encrypted_from_config_to_output(lab: Lab) -> None:
    lab.run("config", "set", "--secret", "word", WORD)
    body = (
        "word = pulumi.Config().require_secret('word')\n"
        "a = Thing('a', word=word, nested={'deep': [word]})\n"
        "pulumi.export('word', word)\n"
        "pulumi.export('all', {'inner': a.word})\n"
        "pulumi.export('given', a.token)\n"
    )
    lab.program(body)
    shown = lab.run("up", "--yes").text + lab.run("preview", "--diff").text
    shown += lab.up(body.replace("'deep'", "'deeper'")).text
    shown += lab.run("stack", "output").text + lab.run("stack", "output", "--json").text + lab.run("config").text
    assert WORD not in shown
    assert "token-a-" not in shown
    assert "[secret]" in shown
    assert WORD not in _files(lab)
    assert "token-a-" not in _files(lab)
    assert lab.objects["a"]["word"] == WORD
    assert lab.run("stack", "output", "word").text.strip() == "[secret]"
    outputs = json.loads(lab.run("stack", "output", "--json", "--show-secrets").text)
    assert outputs["word"] == WORD
    assert outputs["all"] == {"inner": WORD}
    assert outputs["given"].startswith("token-a-")


@standin_only
def test_a_refresh_keeps_secret_what_a_provider_reads_back_in_clear(lab: Lab) -> None:
    lab.run("config", "set", "--secret", "word", WORD)
    lab.up("Thing('a', word=pulumi.Config().require_secret('word'))")
    lab.object_file("a").write_text(f'{{"size": 5, "word": "{WORD}"}}')
    assert WORD not in lab.run("refresh", "--yes", "--diff").text
    assert lab.resource("a")["inputs"]["size"] == 5
    assert WORD not in _files(lab)


def test_additional_secret_outputs(lab: Lab) -> None:
    lab.up("a = Thing('a', opts=Opts(additional_secret_outputs=['serial']))\npulumi.export('serial', a.serial)")
    assert "serial-a-" not in _files(lab)
    assert lab.run("stack", "output", "serial").text.strip() == "[secret]"
    lab.run("preview", "--expect-no-changes")


def test_a_pending_creation_holds_its_secrets_encrypted(lab: Lab) -> None:
    lab.rules({"method": "Create", "name": "a", "kill": "before"})
    lab.run("config", "set", "--secret", "word", WORD)
    lab.program("Thing('a', word=pulumi.Config().require_secret('word'))")
    lab.run("up", "--yes", "--skip-preview", code=-9)
    assert lab.pending == ["creating a"]
    assert WORD not in _files(lab)


@standin_only
def test_a_secret_of_the_configuration_is_masked_in_what_the_program_prints(lab: Lab) -> None:
    lab.run("config", "set", "--secret", "word", WORD)
    text = lab.preview(
        "import os\nprint(os.environ['PULUMI_CONFIG'])\nraise ValueError(os.environ['PULUMI_CONFIG'])", code=1
    ).text
    assert WORD not in text
    assert '"proj:word": "[secret]"' in text


def test_without_the_passphrase_nothing_begins(lab: Lab) -> None:
    lab.program("Thing('a')")
    for verb in ("up", "destroy", "refresh"):
        text = lab.run(verb, "--yes", "--skip-preview", code=1, PULUMI_CONFIG_PASSPHRASE=None).text
        assert "passphrase must be set with PULUMI_CONFIG_PASSPHRASE" in text
    assert "incorrect passphrase" in lab.run("preview", code=1, PULUMI_CONFIG_PASSPHRASE="wrong").text
    assert lab.objects == {}
    assert "(0)" in lab.run("stack", "output", PULUMI_CONFIG_PASSPHRASE=None).text


def test_the_passphrase_may_come_from_a_file_or_be_empty(empty_lab: Lab) -> None:
    file = empty_lab.home / "passphrase"
    file.write_text("from a file\n")
    empty_lab.run("stack", "init", "dev", PULUMI_CONFIG_PASSPHRASE=None, PULUMI_CONFIG_PASSPHRASE_FILE=str(file))
    empty_lab.run("preview", PULUMI_CONFIG_PASSPHRASE="from a file")
    empty_lab.run("stack", "init", "open", PULUMI_CONFIG_PASSPHRASE="")
    empty_lab.run("preview", PULUMI_CONFIG_PASSPHRASE="")
