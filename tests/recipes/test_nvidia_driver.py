"""The driver's install script: what it takes for a kernel, and what it refuses before it changes anything.

The hardware, and every program that would look at it or install, are this test's own; so is /etc.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from provision.agent.steps import REFUSED
from provision.bundle.render import render
from provision.model.target import Target
from tests.kit.programs import write_program

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare for an /etc and a /sys of its own"
)

UBUNTU = Target(gpu="RTX 3090", compute="8.6")
BLACKWELL = Target(gpu="RTX 5090", compute="12.0")
OURS = dataclasses.replace(UBUNTU, volume_id="vol-1")
OWN = dataclasses.replace(UBUNTU, sources={"nvidia-driver": "present"})
DLAMI = dataclasses.replace(OURS, image="dlami-pytorch-24.04")
DEBIAN = dataclasses.replace(UBUNTU, image="debian-12", sources={"nvidia-driver": "debian"})
NOTE = 'echo "${0##*/} $*" >>"$DID"\n'
PROGRAMS = {
    "nvidia-smi": 'echo "${DRIVER:?NVIDIA-SMI has failed}"',
    # Asked for versions, for holds, and for the state of whatever fits a pattern.
    "dpkg-query": """case "$2" in
      '${Package}'*) for name in $INSTALLED; do [[ " $* " != *" $name "* ]] || echo "$name installed 1"; done ;;
      '${db:Status-Status}'*)
        for name in $INSTALLED; do
          for pattern in "${@:3}"; do [[ "$name" != $pattern ]] || echo "installed $name"; done
        done ;;
    esac""",
    "dpkg": "exit 1",
    "apt-get": NOTE,
    "apt-mark": NOTE,
    "apt-cache": '[[ "$2" != *-custom ]]',
    "update-initramfs": NOTE,
    "modprobe": "exit 1",
    # Of a root without the right to read the kernel's log.
    "dmesg": '[[ -z "$NO_LOG" ]] && echo "$LOG"',
    "mokutil": 'echo "$MOK"',
    "uname": 'echo "$KERNEL"',
}
HOST = """
for folder in /etc /sys/bus/pci /sys/firmware /sys/module; do mount -t tmpfs tmpfs $folder; done
mkdir -p /etc/apt/apt.conf.d /etc/apt/sources.list.d /etc/modprobe.d /sys/firmware/efi/efivars /sys/bus/pci/devices
echo VERSION_ID=22.04 >/etc/os-release
if [[ -n "$CARD" ]]; then mkdir -p /sys/bus/pci/devices/0; echo "$CARD" >/sys/bus/pci/devices/0/vendor; fi
if [[ -n "$SECURE" ]]; then printf '\\6\\0\\0\\0\\1' >/sys/firmware/efi/efivars/SecureBoot-8be4df61; fi
if [[ -n "$NOUVEAU" ]]; then mkdir /sys/module/nouveau; fi
if [[ -n "$OURS" ]]; then touch /etc/apt/apt.conf.d/52gpurig-nvidia; fi
bash install || code=$?
cat /etc/modprobe.d/* 2>/dev/null || true
exit ${code:-0}
"""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How the script ended, what it said, and what it had programs do."""

    code: int
    said: str
    did: list[str]

    @property
    def changed(self) -> bool:
        """Whether anything was installed."""
        return any(" install " in line for line in self.did)


@dataclasses.dataclass(frozen=True)
class Desk:
    """A machine whose hardware and past the test decides."""

    folder: Path

    def install(self, target: Target = UBUNTU, **past: str) -> Outcome:
        """Run the install script."""
        bundle = render(["nvidia-driver"], target)
        (self.folder / "lib.sh").write_text(bundle.lib)
        (self.folder / "install").write_text(bundle.steps[-1].install.replace("${0%/*}", str(self.folder)))
        for name, body in {**PROGRAMS, **({"nvidia-uninstall": ":"} if past.pop("RUN_FILE", "") else {})}.items():
            write_program(self.folder / "bin" / name, body)
        did = self.folder / "did"
        named = dict.fromkeys(("DRIVER", "INSTALLED", "LOG", "NO_LOG", "MOK", "OURS", "SECURE", "NOUVEAU"), "")
        env = {**named, "KERNEL": "5.15.0-91-generic", "CARD": "0x10de", "GPURIG_HOME": str(self.folder), **past}
        path_of_ours = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        command = ["unshare", "--mount", "bash", "-ec", HOST]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **env, "DID": str(did), "PATH": path_of_ours},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, did.read_text().splitlines() if did.exists() else [])


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("target", "kernel", "installed", "package"),
    [
        (UBUNTU, "5.15.0-91-generic", "", "linux-modules-nvidia-580-server-generic"),
        (UBUNTU, "6.8.0-1070-aws", "", "linux-modules-nvidia-580-server-aws"),
        (
            UBUNTU,
            "6.8.0-40-generic",
            "linux-image-generic-hwe-22.04",
            "linux-modules-nvidia-580-server-generic-hwe-22.04",
        ),
        (BLACKWELL, "6.8.0-1070-aws", "", "linux-modules-nvidia-580-server-open-aws"),
        (DEBIAN, "6.1.0-50-amd64", "", "linux-headers-amd64"),
        (DEBIAN, "6.1.0-50-cloud-amd64", "", "linux-headers-cloud-amd64"),
    ],
)
def test_the_modules_are_those_of_the_kernel(
    desk: Desk, target: Target, kernel: str, installed: str, package: str
) -> None:
    outcome = desk.install(target, KERNEL=kernel, INSTALLED=installed)
    assert outcome.code == 100, outcome.said
    assert [line for line in outcome.did if " install " in line and f" {package} " in line]


def test_a_driver_that_is_new_enough_stays(desk: Desk) -> None:
    outcome = desk.install(DRIVER="550.120", INSTALLED="nvidia-driver-550")
    assert outcome.code == 0
    assert "550.120" in outcome.said
    assert not outcome.did


@pytest.mark.parametrize(
    ("target", "past", "said"),
    [
        (UBUNTU, {"CARD": "0x8086"}, ("no NVIDIA GPU", "in its place", 'say gpu = "none" in hosts.toml')),
        (OURS, {"CARD": "0x8086"}, ("no NVIDIA GPU", "take an instance type with one")),
        (
            OWN,
            {},
            ("you were to bring an NVIDIA driver", "NVIDIA-SMI has failed", "mend it the way it came", "=ubuntu"),
        ),
        (DLAMI, {}, ("the image was to bring an NVIDIA driver", "take image ubuntu-22.04")),
        (UBUNTU, {"DRIVER": "470.256.02"}, ("470.256.02", "520")),
        (UBUNTU, {"RUN_FILE": "1"}, ("(.run)", "nvidia-uninstall --silent")),
        (UBUNTU, {"INSTALLED": "nvidia-driver-535"}, ("other packages", "apt-get purge nvidia-driver-535")),
        (UBUNTU, {"KERNEL": "6.9.1-1-custom"}, ("linux-modules-nvidia-580-server-custom", "linux-image-generic")),
        (DEBIAN, {"SECURE": "1"}, ("Secure Boot is on", "mokutil --import /var/lib/dkms/mok.pub")),
    ],
)
@pytest.mark.parametrize("no_log", ["", "1"], ids=["", "no kernel log"])
def test_what_would_do_harm_is_refused_with_the_way_out(
    desk: Desk, target: Target, past: dict[str, str], said: tuple[str, ...], no_log: str
) -> None:
    outcome = desk.install(target, NO_LOG=no_log, **past)
    assert outcome.code == REFUSED, outcome.said
    for part in said:
        assert part in outcome.said
    assert not outcome.changed


def test_secure_boot_takes_what_canonical_signed_and_a_key_that_was_enrolled(desk: Desk) -> None:
    assert desk.install(SECURE="1").changed
    assert desk.install(DEBIAN, SECURE="1", MOK="/var/lib/dkms/mok.pub is already enrolled").changed


def test_nouveau_is_kept_away_from_the_next_boot_on(desk: Desk) -> None:
    outcome = desk.install(NOUVEAU="1")
    assert outcome.code == 100, outcome.said
    assert "blacklist nouveau" in outcome.said
    assert "update-initramfs -u" in outcome.did
    still = desk.install(NOUVEAU="1", GPURIG_REBOOTED="1")
    assert still.code == 1
    assert "nouveau still holds the GPU" in still.said


# As the closed and the open nvidia.ko say it, each of a card that is the other's.
ASKS_OPEN = "NVRM: installed in this system requires use of the NVIDIA open kernel modules."
ASKS_CLOSED = (
    "NVRM: installed in this system is not supported by open\nNVRM: nvidia.ko because it does not include the GSP"
)


@pytest.mark.parametrize(
    ("target", "past"),
    [
        (UBUNTU, {"GPURIG_REBOOTED": "1", "CARD": "0x10de"}),
        (UBUNTU, {"INSTALLED": "nvidia-driver-580"}),
        (dataclasses.replace(UBUNTU, sources={"nvidia-driver": "present"}), {}),
    ],
    ids=["ours", "another's", "the image's"],
)
@pytest.mark.parametrize(("log", "kind"), [(ASKS_OPEN, "open"), (ASKS_CLOSED, "closed"), ("NVRM: Xid 79", "")])
def test_a_refusal_names_the_kind_of_modules_that_the_kernels_log_asks_for(
    desk: Desk, target: Target, past: dict[str, str], log: str, kind: str
) -> None:
    write_program(desk.folder / "bin" / "modinfo", "echo Canonical")
    outcome = desk.install(target, LOG=log, **past)
    assert outcome.code == (1 if "GPURIG_REBOOTED" in past else REFUSED), outcome.said
    assert [word for word in ("open", "closed") if f"asks for the {word} nvidia module" in outcome.said] == [
        kind
    ] * bool(kind)


def test_modules_of_ours_of_the_other_kind_have_to_go_first(desk: Desk) -> None:
    past = {"INSTALLED": "nvidia-headless-no-dkms-580-server nvidia-utils-580-server"}
    outcome = desk.install(BLACKWELL, OURS="1", **past)
    assert outcome.code == REFUSED, outcome.said
    assert "gpurig's own, of the other kind: nvidia-headless-no-dkms-580-server\n" in outcome.said
    assert "other packages" not in outcome.said
    # Held, they would stop the next install; left there, the old modules would go on being loaded.
    unhold, _, purge = outcome.said.partition("apt-mark unhold ")[2].partition("apt-get purge ")
    assert "nvidia-headless-no-dkms-580-server" in unhold
    assert "'linux-modules-nvidia-580-server-*' nvidia-headless-no-dkms-580-server" in purge
    assert "rm -f /etc/apt/apt.conf.d/52gpurig-nvidia" in purge
    assert not outcome.changed
    assert desk.install(UBUNTU, OURS="1", **past).code == 100
