"""What one box built another one takes from the bucket: by a signature, whole, or not at all."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.transport import builder_key, launcher
from tests.agent.bucket_attacks import ATTACKS, Attacked
from tests.agent.bucket_lab import NAME, PLACE, Shared
from tests.agent.kept_lab import entry, kept, next_box, said, tree
from tests.kit.cloud import as_user, serve
from tests.kit.host import Lab

BUILT = "build\n"


@pytest.fixture
def shared(box: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shared]:
    """A host, its user, and a bucket."""
    (tmp_path / "cloud").mkdir()
    with serve(tmp_path / "cloud") as wired:
        as_user(wired.cloud, monkeypatch)
        yield Shared(box, wired)


@pytest.mark.life
def test_another_stack_s_box_takes_what_this_one_built(shared: Shared) -> None:
    box = shared.box
    assert shared.took() == ""
    sends, done = shared.told
    assert sends == f"box (198.51.100.7) sends 4.8 MiB of what it built to {PLACE}"
    assert re.fullmatch(r"it is there, after \d+\.\d s", done)
    folders = {key.rpartition("/")[0] for key in shared.files()}
    (folder,) = folders
    digest = (entry(box, "built") / "index.json").read_text().partition("\n")[0]
    assert folder == f"{entry(box, 'built').name}/{digest}"
    for key in shared.files():
        name = key.rpartition("/")[2]
        body = shared.s3.get_object(Bucket=NAME, Key=f"gpurig/{key}")["Body"].read()
        assert name in ("index.json", "signature", hashlib.sha256(body).hexdigest())
    made = tree(box.world / "opt")

    shared.another_stack()
    assert shared.took() == "lent"
    assert "fetched from the bucket (built): 4.8 MiB in" in said(box)
    assert tree(box.world / "opt") == made
    assert not (box.world / "said").exists(), "nothing was built"
    assert shared.told == []
    assert kept(box, "tool*") == ["tool-built"], "the volume has it for the next box of this stack"

    calls = len(shared.cloud.calls())
    assert shared.setup("tool")[-1]["event"] == "unchanged"
    assert len(shared.cloud.calls()) == calls, "where nothing is to do nobody asks the bucket"
    assert not (box.home / "kept" / "lent.json").exists(), "links are gone with the setup that they were lent to"
    next_box(box)
    assert shared.took() == "built", "and it takes it from there"
    next_box(box)
    assert shared.took(fresh=True) == ""
    assert (box.world / "said").read_text() == BUILT
    assert len({key.rpartition("/")[0] for key in shared.files()}) == 2, "a fresh one is the newest there"


@pytest.mark.life
def test_a_colleague_s_build_counts_where_the_stack_names_the_key(
    shared: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared.took()
    first = builder_key.public()
    shared.another_stack()
    monkeypatch.setenv("HOME", str(tmp_path / "second"))
    assert shared.took() == ""
    said_once = [line for line in shared.told if "signed by no key that you trust" in line]
    assert len(said_once) == 2, "before it is built, and before the own build goes there"
    assert "box (198.51.100.7) does not take it" in said_once[0]
    assert len({key.rpartition("/")[0] for key in shared.files()}) == 2

    shared.another_stack()
    monkeypatch.setenv("HOME", str(tmp_path / "third"))
    shared.trusted = (first,)
    assert shared.took() == "lent"


def test_what_is_not_as_it_was_signed_is_not_taken_and_built_anew(shared: Shared, tmp_path: Path) -> None:
    """Each attack is on the build of a recipe of its own, by somebody who may write into the bucket."""
    names = [f"tree{number}" for number in range(len(ATTACKS))]
    for name in names:
        body = f"[ -e opt/{name}/file ] || {{ mkdir -p opt/{name}; echo {name} >> built; echo x > opt/{name}/file; }}"
        shared.box.recipe(name, f'needs = ["base"]\nkeeps = ["{shared.box.world}/opt/{name}"]', body=body)
    shared.setup(*names)
    for name, (attack, _) in zip(names, ATTACKS, strict=True):
        attack(Attacked(shared, name, tmp_path))
    shared.another_stack()
    assert shared.setup(*names)[-1]["event"] == "ready"
    for name, (_, why) in zip(names, ATTACKS, strict=True):
        log = (shared.box.home / "logs" / f"{name}.log").read_text()
        assert ("the bucket has of this step (built) is not used: " in log) == bool(why)
        assert why in log
    assert sorted((shared.box.world / "built").read_text().split()) == names, "each was built anew"
    volume = Path(shared.box.target.mount_point)
    assert not list(volume.parent.rglob("outside"))
    assert not list((volume / ".gpurig" / "kept").glob("*.part"))
    assert any(f"has {names[-1]}-built" in line and "signed by no key that you trust" in line for line in shared.told)

    shared.another_stack()
    events = shared.setup(*names)
    taken = {event["step"] for event in events if event.get("kept") == "lent"}
    assert taken == set(names), "what was built anew has taken the place of what did not do"


@pytest.mark.life
def test_what_becomes_of_a_loan_before_it_is_used_costs_a_build_and_no_setup(shared: Shared, tmp_path: Path) -> None:
    unused = "the bucket has of this step (built) is not used: "
    shared.took()
    swap = Attacked(shared, "tool", tmp_path).another_index
    for happens, why in (
        (swap, "it is not signed by a key that you trust"),
        (lambda: shared.cloud.advance(7 * 3600), "the bucket answers 403: Request has expired"),
    ):
        shared.another_stack()
        assert shared.setup("tool", first=happens)[-1]["event"] == "ready"
        assert unused + why in said(shared.box)
        assert (shared.box.world / "said").read_text() == BUILT


@pytest.mark.life
@pytest.mark.parametrize(
    ("place", "account", "why"),
    [
        ("s3://nobodys-builds", "", "there is no bucket nobodys-builds"),
        (PLACE, "999999999999", f"the bucket {NAME} is not of the account 999999999999, or you may not look into it"),
    ],
)
def test_a_bucket_that_is_not_there_or_not_ours_gets_nothing(
    shared: Shared, place: str, account: str, why: str
) -> None:
    shared.place, shared.account = place, account
    assert shared.took() == ""
    before, after = shared.told
    assert before.startswith(f"{place} cannot be used for kept builds: {why}: box (198.51.100.7) builds all anew (")
    assert after.startswith(f"{place} cannot be used for kept builds: {why}: what box (198.51.100.7) built is not")
    assert shared.files() == []
    assert (entry(shared.box, "built") / "signature").exists(), "the volume's own is signed all the same"

    # Once it is mended, the same command sends it, however often that has to be tried.
    shared.place, shared.account = PLACE, ""
    shared.before_share = lambda: shared.s3.delete_bucket(Bucket=NAME)
    assert shared.setup("tool")[-1]["event"] == "unchanged"
    failed = rf"tool-built-\w+ is not in {PLACE}: the bucket answers 404: .*; the next fab setup tries again"
    assert re.fullmatch(failed, shared.told[-1])
    shared.s3.create_bucket(Bucket=NAME)
    shared.before_share = lambda: None
    assert shared.setup("tool")[-1]["event"] == "unchanged"
    assert len([key for key in shared.files() if key.endswith("/signature")]) == 1
    assert shared.setup("tool")[0]["event"] == "unchanged", "there is nothing more to offer"


def test_links_are_never_on_the_command_line(shared: Shared) -> None:
    name, _ = shared.plant()
    kept_builds = shared.builds("tool")
    begin = kept_builds.begin(fresh=False)
    assert '"builds": null' in launcher.command(begin)
    begin["builds"] = kept_builds.lend([name])
    assert "X-Amz-Signature" in json.dumps(begin)
    assert "X-Amz" not in launcher.command(begin)
    assert "request" not in launcher.command(begin).partition('{"agent"')[2]


def test_a_host_is_lent_its_own_builds_alone_and_no_other_file_of_them(shared: Shared) -> None:
    builds, (name, digest) = shared.builds("tool"), shared.plant()
    other = name.replace("tool-built", "tree-built")
    assert builds.lend([other, "../x", name]).keys() == {name}

    asked: list[Any] = []
    wrong = [{"file": "../../x"}, {"sha256": "x"}, {"size": "1"}, {"file": "0" * 64}]
    good = {"file": "index.json", "size": 1, "sha256": "a" * 64}
    told: list[dict[str, Any]] = [{other: [good]}, {name: good}, *({name: [good, {**good, **odd}]} for odd in wrong)]

    def answer(request: Any, _: object) -> dict[str, Any]:
        asked.append(request)
        return {"pieces": told[len(asked) - 1]}

    builds.answer = answer
    for _ in told:
        builds.keep({name: digest})
    assert [request["verb"] for request in asked] == ["seal"] * len(told)
