"""One recipe of `make gpu-check`: what its commands say, how they end and what they leave decides its state."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.gpu import attempt as module
from rehearsal.gpu.attempt import Attempt, attempt
from rehearsal.gpu.desk import Desk, TimedOut, on_card

if TYPE_CHECKING:
    from collections.abc import Callable

DONE = "torch is ready\nnothing to do\n"
PARTS = ("setup", "verify", "example", "bench")
ROW: dict[str, Any] = {"name": "torch", "version": "2", "try": ["example", "bench"], "works": [{"sources": {}}]}


@dataclasses.dataclass
class User:
    """Stands in for `on_card`: what each verb says, and its exit code; a bench leaves its table as `fab` does."""

    into: Path
    says: dict[str, str] = dataclasses.field(default_factory=dict)
    codes: dict[str, int] = dataclasses.field(default_factory=dict)
    typed: list[str] = dataclasses.field(default_factory=list)
    before: Callable[[str], None] = lambda _: None
    """Called with each verb as it begins."""
    cut: str = ""
    """The part whose command does not end in time."""

    def __call__(self, made: Desk, *words: str, seconds: float) -> subprocess.CompletedProcess[str]:
        assert made.state.is_dir()
        assert seconds > 0
        self.typed.append(" ".join(words))
        verb = words[1]
        self.before(verb)
        if self.cut and len(self.typed) == PARTS.index(self.cut) + 1:
            raise TimedOut(words, seconds, "it had begun\n")
        if verb.startswith("bench-") and not self.codes.get(verb):
            leave_bench(self.into, verb)
        return subprocess.CompletedProcess(words, self.codes.get(verb, 0), self.says.get(verb, DONE))


def leave_bench(into: Path, verb: str, host: str = "card", moment: str = "20261128T120000Z") -> None:
    """Leave the results of a bench, whose verdict is the folder's name."""
    folder = into / f"{verb}-{host}-{moment}"
    folder.mkdir(parents=True)
    half = {"device": "cuda:0", "measure": "test error", "error": 0.02, "versions": {"torch": "2"}, "seconds": [1, 1]}
    table = {"verdict": folder.name, "ratio": 20, "cpu": half, "gpu": half}
    (folder / "bench.json").write_text(json.dumps(table))


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    stands_in = User(tmp_path)
    monkeypatch.setattr(module, "on_card", stands_in)
    return stands_in


def tried(user: User, **row: Any) -> Attempt:
    desk = Desk(state=user.into, tree=user.into)
    return attempt(desk, {**ROW, **row}, time.monotonic() + 60, user.into)


def test_a_recipe_is_set_up_looked_at_again_and_has_its_example_and_bench(user: User) -> None:
    done = tried(user)
    assert (done.recipe, done.version, done.state, done.why) == ("torch", "2", "tried", "")
    assert list(done.seconds) == list(PARTS)
    assert [line.split()[1] for line in user.typed] == ["setup-torch", "setup-torch", "example-torch", "bench-torch"]
    assert done.bench["verdict"] == "bench-torch-card-20261128T120000Z"
    assert "seconds" not in done.bench["gpu"], "the time of each unit stays in the bench's own file"


def test_where_the_defaults_do_not_fit_it_is_set_up_from_the_sources_that_do(user: User) -> None:
    tried(user, works=[{"sources": {"cuda": "distribution", "cudnn": "wheel"}}])
    setup = "fab setup-torch --source cuda=distribution --source cudnn=wheel"
    assert user.typed[:2] == [setup, setup]
    assert not any("--source" in line for line in user.typed[2:])


def test_it_has_failed_where_a_second_setup_does_not_find_it_done(user: User) -> None:
    user.says["setup-torch"] = "torch  installed in 3 s\n"
    done = tried(user)
    assert (done.state, done.why) == ("failed", "fab setup-torch: a second setup did not find it done")
    assert done.said == "torch  installed in 3 s"
    assert len(user.typed) == 2


def test_it_has_failed_where_a_command_ends_with_another_code_than_0(user: User) -> None:
    user.codes["example-torch"] = 3
    user.says["example-torch"] = "".join(f"line {number}\n" for number in range(40))
    done = tried(user)
    assert (done.state, done.why) == ("failed", "fab example-torch: exit code 3")
    assert done.said.splitlines() == [f"line {number}" for number in range(15, 40)]
    assert list(done.seconds) == ["setup", "verify"]
    assert "line 0\n" in (user.into / "check.log").read_text()


def test_without_an_example_and_a_bench_neither_is_run(user: User) -> None:
    done = tried(user, **{"try": []})
    assert (done.state, list(done.seconds), done.bench) == ("tried", ["setup", "verify"], {})


@pytest.mark.parametrize(("cut", "state"), [("setup", "not run"), ("example", "tried")])
def test_nothing_begins_once_the_time_is_up(user: User, monkeypatch: pytest.MonkeyPatch, cut: str, state: str) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    parts = iter(PARTS)

    def begin(_: str) -> None:
        if next(parts) == cut:
            clock[0] += 100

    user.before = begin
    done = tried(user)
    then = {"setup": "verify", "example": "bench"}[cut]
    assert (done.state, done.why) == (state, f"the time was up before its {then}")
    assert list(done.seconds)[-1] == cut
    assert done.bench == {}


def test_a_recipe_without_a_bench_has_none_of_an_earlier_check(user: User) -> None:
    leave_bench(user.into, "bench-torch")
    assert tried(user, **{"try": ["example"]}).bench == {}


def test_the_bench_is_the_newest_of_this_recipe_and_of_no_other_whose_name_begins_so(user: User) -> None:
    leave_bench(user.into, "bench-torch", moment="20251128T120000Z")
    leave_bench(user.into, "bench-torch-pt", moment="20271128T120000Z")
    leave_bench(user.into, "bench-torch", host="card-pt-card", moment="20271128T120000Z")
    assert tried(user).bench["verdict"] == "bench-torch-card-20261128T120000Z"


@pytest.mark.parametrize(
    ("cut", "state"), [("setup", "not run"), ("verify", "not run"), ("example", "tried"), ("bench", "tried")]
)
def test_what_the_end_of_the_time_cuts_off_is_no_failure(user: User, cut: str, state: str) -> None:
    user.cut = cut
    done = tried(user)
    assert (done.state, done.why, done.said) == (state, f"the time was up in the middle of its {cut}", "")
    assert list(done.seconds) == list(PARTS[: PARTS.index(cut)])
    assert done.bench == {}


def test_what_a_command_had_said_when_it_was_cut_off_is_in_the_log(user: User) -> None:
    user.cut = "bench"
    tried(user)
    log = (user.into / "check.log").read_text()
    assert f"$ fab bench-torch --into {user.into} --another\nit had begun\n[cut off after " in log


def test_a_bench_never_goes_on_with_an_earlier_one(user: User) -> None:
    tried(user)
    assert [line.endswith(" --another") for line in user.typed] == [False, False, False, True]


def test_a_command_that_does_not_end_in_time_is_ended_and_has_said_what_it_said(tmp_path: Path) -> None:
    desk = Desk(state=tmp_path, tree=tmp_path)
    with pytest.raises(TimedOut, match="did not end within 1 s") as cut:
        on_card(desk, "sh", "-c", "echo begun; exec sleep 60", seconds=1)
    assert cut.value.said == "begun\n"
    with pytest.raises(TimedOut) as cut:
        on_card(desk, "sleep", "60", seconds=0.1)
    assert cut.value.said == ""
