"""A volume behind a loop device, and a host in a mount namespace of its own that runs the volume script on it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from provision.bundle import render as bundle
from provision.model.target import Target
from tests.kit.catalogue import CATALOGUE, VOLUME

MIB = 2**20
SIZE = 512 * MIB
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


def lack() -> str:
    """Return why this machine cannot run these tests, or ""."""
    if os.geteuid() != 0:
        return "only root has loop devices"
    if missing := [tool for tool in ("losetup", "unshare", "mkfs.ext4") if not shutil.which(tool, path=PATH)]:
        return f"there is no {missing[0]} on this machine"
    probe = subprocess.run(["unshare", "--mount", "losetup", "--find"], capture_output=True, text=True, check=False)
    return "" if probe.returncode == 0 else f"no loop devices or mount namespaces here: {probe.stderr.strip()}"


def digest_of(path: Path) -> str:
    """Return a digest of what is in a file with holes. Zeros count as the holes that they may be as well."""
    digest, block = hashlib.sha256(), 2**16
    with path.open("rb") as file, contextlib.suppress(OSError):  # no data from `place` on
        place = 0
        while True:
            place = os.lseek(file.fileno(), place, os.SEEK_DATA) // block * block
            if (content := os.pread(file.fileno(), block, place)).strip(b"\0"):
                digest.update(b"%d " % place + content)
            place += block
    return digest.hexdigest()


# A host in a mount namespace of its own: a /dev with one EBS volume, a /run, and nothing that outlives the script.
HOST = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p "$HOST/dev/disk/by-id"
mount -t tmpfs -o dev tmpfs "$HOST/dev"
cp -a /dev/null /dev/zero /dev/full /dev/urandom "$HOST/dev"
ln -s /proc/self/fd "$HOST/dev/fd"
if [ -n "$LOOP" ]; then
  cp -a "$LOOP" "$HOST/dev/nvme1n1"
  mkdir -p "$HOST/dev/disk/by-id"
  ln -s ../../nvme1n1 "$HOST/dev/disk/by-id/$NAME"
fi
mount --bind "$HOST/dev" /dev
"""


@dataclasses.dataclass(frozen=True)
class Disk:
    """A volume that is a file, behind a loop device, and the host that it is attached to."""

    folder: Path
    loop: str

    @property
    def file(self) -> Path:
        return self.folder / "disk"

    @property
    def tools(self) -> Path:
        """Programs that the host runs before its own of the same name."""
        return self.folder / "tools"

    def digest(self) -> str:
        return digest_of(self.file)

    def up(
        self, then: str = "true", *, loop: str | None = None, code: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Boot: run the script, then, where it succeeded, some commands while the volume is mounted.

        It has to end with `code` unless that is None.
        """
        values = {"target": Target(user="root", mount_point=f"{self.folder}/jobs", volume_id=VOLUME)}
        text = bundle._render(CATALOGUE.recipes["base"].folder / "volume.sh.j2", **values, home=f"{self.folder}/home")
        script = self.folder / "gpurig-volume"
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)
        env = {
            **os.environ,
            "HOST": str(self.folder),
            "LOOP": self.loop if loop is None else loop,
            "NAME": f"nvme-Amazon_Elastic_Block_Store_{VOLUME.replace('-', '')}",
            "GPURIG_VOLUME_SECONDS": "1",
            "PATH": f"{self.tools}:{PATH}",
        }
        command = f"{HOST}\ncd {self.folder}\n{script}\n{then}"
        words = ["unshare", "--mount", "bash", "-c", command]
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
        assert code in (None, done.returncode), done.stderr
        return done


@contextlib.contextmanager
def blank(folder: Path) -> Iterator[Disk]:
    """Have a blank volume."""
    file = folder / "disk"
    file.touch()
    os.truncate(file, SIZE)
    with looped(file) as loop:
        yield Disk(folder, loop)


@contextlib.contextmanager
def looped(file: Path) -> Iterator[str]:
    """Put a file behind a loop device; yields its path."""
    made = subprocess.run(["losetup", "--find", "--show", str(file)], check=True, capture_output=True, text=True)
    loop = made.stdout.strip()
    try:
        yield loop
    finally:
        subprocess.run(["losetup", "--detach", loop], check=True)
