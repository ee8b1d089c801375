"""Kept builds in a bucket, on real boxes: a colleague's stack takes what this one built, and nothing else there."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.rights import BUDGET, BUILDS, FAB, FREE, LIMITS, STACK
from provision.transport import builder_key
from rehearsal.cloud import permissions
from rehearsal.site import Site
from rehearsal.user import User
from tests.kit.person import denied, new_person, wishes

BUCKET = "gpurig-builds-lab"
PLACE = f"s3://{BUCKET}/vision"
CONFIG = {"recipe": "base", "jobVolumeGib": "1", "builds": PLACE}
TOML = """
summary = "a tree that takes long"
version = "1"
needs   = ["base"]
keeps   = ["{{ prefix }}/tool"]
"""
# Only a build knows on which machine it was made.
INSTALL = """
[[ -e {{ prefix }}/tool ]] || {
  mkdir -p {{ prefix }}/tool.part
  cat /proc/sys/kernel/random/uuid >{{ prefix }}/tool.part/built
  head -c 6000000 /dev/urandom >{{ prefix }}/tool.part/large
  mv {{ prefix }}/tool.part {{ prefix }}/tool
}
"""
VERIFY = 'want "it is built" [ -s {{ prefix }}/tool/built -a -s {{ prefix }}/tool/large ]\n'
BUILT = "cat /opt/gpurig/tool/built"
SUMS = "cd /opt/gpurig/tool && cat built && sha256sum large && stat -c %a:%U built large"
LOG = "sudo cat /var/lib/gpurig/logs/tool.log"
GONE = "sudo rm -rf /opt/gpurig/tool; sudo sh -c 'rm -r /jobs/.gpurig/kept/tool-*'"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Colleague(Site):
    """A site whose commands are another person's: home and rights of their own."""

    own: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """The environment of that person."""
        return {**super().env, **self.own}


@pytest.fixture(scope="module")
def first(user: User) -> User:
    """Who has set the recipe up on a box, and has it in the bucket."""
    folder = user.project / "templates" / "recipes" / "tool"
    folder.mkdir()
    for name, text in {"recipe.toml": TOML, "install.sh.j2": INSTALL, "verify.sh.j2": VERIFY}.items():
        (folder / name).write_text(text)
    user.cloud.client("s3").create_bucket(Bucket=BUCKET)
    user.up()
    assert f"MiB of what it built to {PLACE}" in user.fab("setup-tool")
    return user


@pytest.fixture(scope="module")
def colleague(first: User) -> User:
    """Another user of the account, who has a stack, a key, and no more rights than the policies give."""
    home = first.site.state / "home"
    home.mkdir()
    own = {"HOME": str(home), **new_person(first.cloud, (STACK, FREE, FAB, LIMITS, BUDGET, BUILDS))}
    site = Colleague(**{**vars(first.site), "stack": "colleague"}, own=own)
    shutil.copy(first.project / "Pulumi.rehearsal.yaml", first.project / "Pulumi.colleague.yaml")
    person = User(site, first.project)
    person.pulumi("stack", "select", "colleague", "--create")
    person.config("builders", builder_key.public())
    person.up()
    return person


def test_a_colleague_s_first_setup_takes_the_build_from_the_bucket(first: User, colleague: User) -> None:
    assert ", what it builds taken from the bucket" in colleague.fab("setup-tool")
    assert colleague.on_box(SUMS) == first.on_box(SUMS)
    assert "fetched from the bucket (built): 5.7 MiB" in colleague.on_box(LOG)
    assert not denied(colleague.cloud)


def test_a_file_that_somebody_changed_there_is_not_taken(colleague: User) -> None:
    s3, old = colleague.cloud.client("s3"), colleague.on_box(BUILT)
    for row in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        if len(Path(row["Key"]).name) == 64:
            body = s3.get_object(Bucket=BUCKET, Key=row["Key"])["Body"].read()
            s3.put_object(Bucket=BUCKET, Key=row["Key"], Body=bytes([body[0] ^ 1]) + body[1:])
    colleague.on_box(GONE)
    shown = colleague.fab("setup-tool")
    assert "taken from the bucket" not in shown
    assert f"MiB of what it built to {PLACE}" in shown
    assert "the bucket has of this step (built) is not used: the checksum of part" in colleague.on_box(LOG)
    new = colleague.on_box(BUILT)
    assert new != old

    # What was built anew took its place there.
    colleague.on_box(GONE)
    assert ", what it builds taken from the bucket" in colleague.fab("setup-tool")
    assert colleague.on_box(BUILT) == new


def test_a_bucket_that_is_gone_costs_a_build_and_is_said(colleague: User) -> None:
    colleague.config("builds", "s3://gpurig-builds-none")
    colleague.pulumi("up", "--yes")
    colleague.on_box(GONE)
    shown = colleague.fab("setup-tool")
    assert "s3://gpurig-builds-none cannot be used for kept builds: there is no bucket gpurig-builds-none" in shown
    assert "tool  installed" in shown


def test_the_rights_are_those_that_are_needed(colleague: User) -> None:
    needed: list[dict[str, Any]] = [one for one in wishes(colleague.cloud) if one["action"].startswith("s3:")]
    for statement in BUILDS.statements[:2]:  # the third is for `fab doctor`
        allowed = [statement.document("aws")]
        met = {one["action"] for one in needed if permissions.allows(allowed, permissions.Wish(**one))}
        assert met == set(statement.actions)
