"""`fab orphans` after a `pulumi up` that was killed while EC2 made the instance, and after a state was lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.infra.stack import SETTINGS, Stack, open_stack
from tests.kit.fab import FAB
from tests.kit.wait import until


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return a stack whose first update was killed in RunInstances."""
    with open_stack(tmp_path_factory.mktemp("killed")) as made:
        for name, value in SETTINGS.items():
            made.pulumi("config", "set", f"gpurig:{name}", value)
        _killed_in_run_instances(made)
        yield made


def _killed_in_run_instances(stack: Stack) -> None:
    stack._cloud.fault("RunInstances", seconds=4)
    process = subprocess.Popen(
        [str(stack.folder / "bin" / "pulumi"), "up", "--yes", "--skip-preview"],
        cwd=stack.folder,
        env=stack.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until(lambda: "aws:ec2/instance:Instance" in _making(stack), seconds=120)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    until(stack.boxes, seconds=60)


def _making(stack: Stack) -> list[str]:
    deployment = json.loads(stack.pulumi("stack", "export"))["deployment"]
    return [operation["resource"]["type"] for operation in deployment.get("pending_operations") or ()]


def things(stack: Stack, *words: str) -> dict[str, dict[str, Any]]:
    """Return what `fab orphans` finds, by id."""
    done = subprocess.run(
        [*FAB, "orphans", "--json", *words], cwd=stack.folder, env=stack.env, capture_output=True, text=True, check=True
    )
    return {row["id"]: row for row in json.loads(done.stdout)["things"]}
