"""What comes of a verb's declaration, whatever the verb itself does."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke import Context as FabricContext
from invoke.exceptions import Exit

from provision.model.errors import GpurigError, Unreachable
from provision.model.host import Host
from provision.screen.progress import View
from provision.tasks.context import Context
from provision.tasks.verb import verb
from provision.transport import inventory
from tests.kit.fab import fab, refused, write_hosts


@verb(options={"names": "a list"}, json="as JSON", choices=True, argument="names")
def poke(c: Context, code: str, *, names: list[str] | None = None) -> None:
    """End as it is told to."""

    def fail(_host: Host, _out: View) -> None:
        raise Unreachable("it does not answer")

    if code == "host":
        c.each(fail)
    elif code == "error":
        raise GpurigError("it failed")
    elif code == "stop":
        raise KeyboardInterrupt
    assert (names, c.limit, c.json) == (["x"], "a", False)


@pytest.mark.parametrize(
    ("how", "code"), [("host", Unreachable.exit_code), ("error", GpurigError.exit_code), ("stop", 130)]
)
def test_a_verb_that_says_nothing_of_failures_ends_the_program_all_the_same(
    monkeypatch: pytest.MonkeyPatch, how: str, code: int
) -> None:
    monkeypatch.setattr(inventory, "load", lambda _tell: [Host(name="a", address="192.0.2.7")])
    shared = {"json": False, "source": None, "accept": None, "limit": "a"}
    with pytest.raises(Exit) as ended:
        poke(FabricContext(), code=how, names=["x"], **shared)
    assert ended.value.code == code
    poke(FabricContext(), code="", names=["x"], **shared)


def test_a_declaration_names_all_options_and_asking_twice_says_the_same() -> None:
    for _ in range(2):
        options = {option.name: option.help for option in poke.get_arguments()}
        assert options.keys() == {"code", "names", "json", "source", "accept", "limit"}
        assert options["json"] == "as JSON"
        assert options["names"] == "a list"


def test_what_comes_after_a_verb_whose_host_failed_is_not_begun(tmp_path: Path) -> None:
    write_hosts(tmp_path, "a")
    said = refused(tmp_path, "ps", "status", code=Unreachable.exit_code)
    assert said.count("does not answer") == 1


def test_a_verb_is_done_once_for_all_hosts_that_are_given(tmp_path: Path) -> None:
    write_hosts(tmp_path, "a")
    done = fab(tmp_path, "-H", "a,b,a", "recipes", "base", "render", "--gpu", "none", "--text", code=0)
    assert done.stdout.count("\n# ") + done.stdout.startswith("# ") == 1
    assert done.stdout.count("user-data.gz: ") == 1
