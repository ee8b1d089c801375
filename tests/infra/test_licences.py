"""The licences that a stack accepts: asked for by name, and no name that nobody asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.infra.lab import GOOD, LICENCES, refused, run
from tests.kit.recipes import write_recipe


def test_licences_are_not_accepted_for_the_user() -> None:
    message = refused({"acceptLicences": "nvidia-cudnn"})
    assert '"cuda" comes under the licence "nvidia-cuda"' in message
    assert "acceptLicences" in message


def test_a_name_that_no_licence_has_is_refused_with_those_near_it() -> None:
    message = refused({"acceptLicences": '["nvidia-cuda", "NVIDIA-cudn", "gpl", "nvidia-cudnn"]'})
    first, second = [line for line in message.splitlines() if "gpurig:acceptLicences: " in line]
    assert '"NVIDIA-cudn": there is no licence of that name; near it: nvidia-cudnn' in first
    assert '"gpl": there is no licence of that name; there are: nvidia-cuda, nvidia-cudnn, ' in second
    for line in (first, second):
        assert line.endswith(f": pulumi config set gpurig:acceptLicences {LICENCES}")


def test_it_is_refused_where_nothing_has_to_be_accepted_too() -> None:
    message = refused({"recipe": "base", "acceptLicences": "gpl"})
    assert message.endswith(": pulumi config rm gpurig:acceptLicences")
    assert '"gpl"' in message


def test_a_licence_of_the_users_own_recipe_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {**GOOD, "gpurig:recipe": "mine", "gpurig:acceptLicences": "terms-of-mine"}
    write_recipe(tmp_path / "mine", 'needs = ["base"]\nsources.ours = { licences = ["terms-of-mine"] }')
    monkeypatch.setenv("GPURIG_RECIPES", str(tmp_path))
    assert run(config).outputs["gpurig"]["hosts"][0]["target"]["licences"] == ["terms-of-mine"]
