"""What EC2 says of its instance types."""

from __future__ import annotations

import pytest

from provision.aws import machines
from provision.bundle.render import render
from provision.model.platforms import gpus
from provision.model.target import Target


@pytest.mark.usefixtures("wired")
@pytest.mark.parametrize(
    ("name", "model", "memory"), [("g7e.2xlarge", "RTX PRO 6000", 96), ("g7.2xlarge", "RTX PRO 4500", 32)]
)
def test_blackwell_is_known_as_ec2_describes_it_and_gets_the_open_modules(name: str, model: str, memory: int) -> None:
    machine = machines.described("", "us-east-1", name)
    assert machine
    assert (machine.gpu, machine.gpu_memory_gib, machine.gpus) == (model, memory, 1)
    target = Target(gpu=machine.gpu, compute=gpus()[machine.gpu].compute)
    assert target.compute == "12.0"
    assert "linux-modules-nvidia-580-server-open-" in render(["nvidia-driver"], target).steps[-1].install
