"""A machine of one's own, by -H or hosts.toml: nothing of AWS, and its hardware is read from the machine itself."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.box import Machine, run
from tests.kit.fab import fab_ends
from tests.kit.recipes import RecipeFolder

CLOUD = ("boto3", "botocore", "pulumi", "pulumi_aws", "infra", "rehearsal")
# Read by Python before any program: it makes a machine on which nothing of the cloud is installed.
NOT_THERE = f"""\
import sys
class NotThere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {CLOUD}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, NotThere())
"""
RTX_3090, UNKNOWN = "pci:v000010DEd00002204sv00001462sd00003881bc03sc00i00", "pci:v000010DEd0000FFFFsv0sd0bc03sc00i00"
SOUND = "pci:v000010DEd00001AEFsv00001462sd00003881bc04sc03i00"


@dataclasses.dataclass(frozen=True)
class Owner:
    """Somebody with a machine and nothing of the cloud: no Pulumi, no boto3, no account, no settings."""

    machine: Machine
    folder: Path
    env: dict[str, str]

    @property
    def named(self) -> tuple[str, str]:
        """The machine as it is given on the command line."""
        return "-H", f"ubuntu@{self.machine.host.address}"

    def fab(self, *words: str, code: int = 0) -> str:
        """Run `fab` and return both its outputs; it has to end with `code`."""
        done = fab_ends(code, *words, cwd=self.folder, env=self.env)
        return done.stdout + done.stderr

    @contextlib.contextmanager
    def hardware(self, *aliases: str, nouveau: bool = False, secure_boot: bool = False) -> Iterator[None]:
        """Give the machine other PCI devices, as the kernel names them, and what may be in a driver's way."""
        folders = ("/sys/bus/pci", "/sys/module", "/sys/firmware")
        devices = [f"/sys/bus/pci/devices/0000:0{number}:00.0" for number in range(1, len(aliases) + 1)]
        make = [f"mount -t tmpfs tmpfs {folder}" for folder in folders]
        make += [
            f"mkdir -p {path} && echo {alias} >{path}/modalias" for path, alias in zip(devices, aliases, strict=True)
        ]
        variable = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
        make += [f"mkdir -p $(dirname {variable}) && printf '\\6\\0\\0\\0\\{secure_boot:d}' >{variable}"]
        make += ["mkdir /sys/module/nouveau"] if nouveau else []
        run(self.machine, " && ".join(make))
        try:
            yield
        finally:
            run(self.machine, f"umount {' '.join(folders)}")


@pytest.fixture
def owner(machine: Machine, home: Path) -> Owner:
    (home / "python").mkdir()
    (home / "python" / "sitecustomize.py").write_text(NOT_THERE)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_"))}
    return Owner(machine, home, {**env, "PYTHONPATH": str(home / "python")})


def test_nothing_of_the_cloud_is_needed_configured_or_imported(owner: Owner, kitchen: RecipeFolder) -> None:
    kitchen.recipe("hello", install="echo hello >/srv/hello", verify='test "$(cat /srv/hello)" = hello')
    owner.env["GPURIG_RECIPES"] = str(kitchen.folder)
    (owner.folder / "hosts.toml").write_text(
        f'[host.desk]\naddress = "{owner.machine.host.address}"\ngpu = "none"\nrecipe = "hello"\n'
    )
    try:
        assert "hello  installed" in owner.fab("setup")
        assert "nothing to do" in owner.fab("setup")
        assert "hello is ready" in owner.fab("-H", "desk", "status")
        assert "hello 1 " in owner.fab(*owner.named, "status")
    finally:
        run(owner.machine, "rm -f /srv/hello /var/lib/gpurig/marks/hello.json")


def test_status_shows_the_card_and_what_is_in_the_drivers_way(owner: Owner) -> None:
    with owner.hardware(RTX_3090, SOUND, nouveau=True, secure_boot=True):
        said = owner.fab(*owner.named, "status")
    assert "GA102 [GeForce RTX 3090] (10de:2204, slot 0000:01:00.0)" in said
    assert "0000:02:00.0" not in said
    assert "nouveau is loaded" in said
    assert "Secure Boot is on" in said
    with owner.hardware():
        said = owner.fab(*owner.named, "status")
    for word in ("PCI", "nouveau", "Secure Boot"):
        assert word not in said


def test_a_card_without_a_driver_is_known_by_its_number(owner: Owner) -> None:
    with owner.hardware(SOUND, RTX_3090):
        said = owner.fab(*owner.named, "plan", "--recipe", "nvidia-driver")
    assert "nvidia-driver" in said
    assert "would be installed" in said


def test_a_card_that_hosts_toml_leaves_to_be_found_is(owner: Owner) -> None:
    address = owner.machine.host.address
    (owner.folder / "hosts.toml").write_text(f'[host.desk]\naddress = "{address}"\ngpu = "auto"\n')
    # Also where nothing on the machine knows its name.
    hwdb = "/usr/bin/systemd-hwdb"
    run(owner.machine, f"mount --bind /bin/false {hwdb}")
    try:
        with owner.hardware(SOUND, RTX_3090):
            assert "would be installed" in owner.fab("plan", "--recipe", "nvidia-driver")
            assert "RTX 3090 (10de:2204, slot 0000:02:00.0)" in owner.fab("status")
    finally:
        run(owner.machine, f"umount {hwdb}")
    with owner.hardware():
        assert "shows no GPU that gpurig knows" in owner.fab("plan", "--recipe", "nvidia-driver", code=2)


def test_a_card_that_is_not_known_is_shown_with_how_to_declare_it(owner: Owner) -> None:
    with owner.hardware(UNKNOWN):
        said = owner.fab(*owner.named, "plan", "--recipe", "nvidia-driver", code=2)
    assert "10de:ffff, slot 0000:01:00.0" in said
    assert "hosts.toml" in said
    assert f'address = "{owner.machine.host.address}"' in said
    assert "RTX 3090" in said


def test_a_machine_without_a_card_is_not_taken_for_one_without_a_gpu(owner: Owner) -> None:
    with owner.hardware():
        said = owner.fab(*owner.named, "plan", "--recipe", "base", code=2)
    assert "shows no GPU that gpurig knows; say" in said
    assert "none" in said
