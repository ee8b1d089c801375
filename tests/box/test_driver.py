"""A setup that the driver of a host is too old for is refused before anything is installed, and so is its plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.box import Machine, nvidia_smi, run
from tests.kit.fab import fab_ends
from tests.kit.recipes import write_recipe


@pytest.fixture
def home(machine: Machine, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user whose box brings its own driver, and a recipe that needs one of branch 550."""
    monkeypatch.setenv("GPURIG_RECIPES", str(home / "recipes"))
    sources = '[sources]\nnvidia-driver = "present"\n'
    (home / "hosts.toml").write_text(f'{sources}[host.desk]\naddress = "{machine.host.address}"\ngpu = "T4"\n')
    install, verify = "touch /srv/wheels\n", "test -e /srv/wheels\n"
    write_recipe(home / "recipes" / "wheels", "supports = { driver = 550 }", install=install, verify=verify)
    return home


@pytest.mark.usefixtures("home")
def test_an_old_driver_is_refused_and_a_newer_one_is_not(machine: Machine) -> None:
    with nvidia_smi(machine, "echo Tesla T4, 7.5, 535.183.01") as program:
        for command in (("plan", "wheels"), ("setup-wheels",)):
            refused = fab_ends(2, *command)
            assert 'recipe "wheels" needs NVIDIA\'s driver 550 or newer, and this host has 535.183.01' in refused.stderr
            assert "setup-nvidia-driver" in refused.stderr
            assert "would be installed" not in refused.stdout
        run(machine, f"test ! -e /srv/wheels && sed -i s/535/580/ {program}")
        assert "would be installed" in fab_ends(0, "plan", "wheels").stdout
        assert "wheels  installed" in fab_ends(0, "setup-wheels").stdout
