"""`pulumi up` in a project that `gpurig new` made: the program and what it sends come from the wheel."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal.cloud.handle import Cloud
from tests.infra.stack import SETTINGS, Stack
from tests.release.wheel import Installed


@pytest.mark.slow
@pytest.mark.life
def test_a_box_is_made_from_a_project(installed: Installed, project: Path, tmp_path: Path) -> None:
    cloud = Cloud.start(tmp_path / "cloud", boxes=False)
    try:
        stack = Stack(project, cloud, linked=False)
        stack.env["PATH"] = f"{installed.bin}:{stack.env['PATH']}"
        stack.pulumi("stack", "init", "dev")
        stack.up(**SETTINGS)
        assert stack.box()["InstanceType"] == "g4dn.xlarge"
        assert stack.open_to() == {(22, "203.0.113.7/32"), (5000, "203.0.113.7/32")}
        said = installed.run(project, "fab", "orphans", code=0, **stack.env)
        assert "nothing" in said
        stack.pulumi("destroy", "--yes", "--skip-preview")
    finally:
        cloud.stop()
