"""Base root file systems: built once per recipe with mmdebstrap and kept in the user's cache, then only read."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.boxes import cache, seed
from rehearsal.boxes.run import run
from rehearsal.errors import CannotBoot, RehearsalError
from rehearsal.locks import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KEYRING = Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg")
KEYRING_PACKAGE = "pool/main/u/ubuntu-keyring/ubuntu-keyring_2021.03.26_all.deb"
KEYRING_SHA256 = "0d0e7ed6b112f5d03eabf3c7eb01ebdacf9c57714b279e90495cfc58c8c4520f"

PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "udev", "openssh-server", "python3", "sudo", "cloud-init", "iproute2"),
    *("ca-certificates", "locales", "lsb-release", "apt-utils", "e2fsprogs", "curl", "gnupg", "netbase", "rsync"),
)


@dataclass(frozen=True)
class Root:
    """How a base root file system is built; its digest names the folder, so a changed recipe is a new root."""

    name: str
    suite: str
    components: str
    packages: tuple[str, ...] = PACKAGES
    prepared: str = seed.BASE_DIGEST

    @property
    def path(self) -> Path:
        """Where it lies once built."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]
        return cache.folder() / "roots" / f"{self.name}-{digest}"

    @property
    def user(self) -> str:
        """The account that the distribution's own EC2 images let in."""
        return "admin" if self.name.startswith("debian") else seed.USER


DEBIAN = Root("debian-12", "bookworm", "main contrib non-free non-free-firmware")
UBUNTU = {
    "ubuntu-22.04": Root("ubuntu-22.04", "jammy", "main universe multiverse"),
    "ubuntu-24.04": Root("ubuntu-24.04", "noble", "main universe multiverse"),
}
DEFAULT = "ubuntu-22.04"
"""Built when a cloud with boxes opens; others when an image first asks for them."""


def named(name: str) -> Root:
    """Return how a root file system is built."""
    return UBUNTU.get(name, DEBIAN)


def ensure(name: str, announce: Callable[[str], None]) -> Root:
    """Return the root of that name, built, or Debian 12 in its place where Ubuntu's archive does not answer.

    It stays there as long as this process lives. Raises CannotBoot if neither can be had.
    """
    if name in UBUNTU:
        try:
            return _build(UBUNTU[name], announce)
        except (RehearsalError, OSError) as error:
            announce(f"Ubuntu's archive does not serve {name}, Debian 12 stands in for it ({error})")
    try:
        return _build(DEBIAN, announce)
    except (RehearsalError, OSError) as error:
        raise CannotBoot(f"no root file system for boxes can be built: {error}") from error


def _build(root: Root, announce: Callable[[str], None]) -> Root:
    folder = root.path.parent
    folder.mkdir(parents=True, exist_ok=True)
    with locked(cache.building(root.name)):
        if root.path.exists():
            cache.use(root.path)
            return root
        announce(f"building the {root.name} root file system, once, about a minute")
        for abandoned in folder.glob(f".{root.name}-building-*"):
            shutil.rmtree(abandoned)
        work = Path(tempfile.mkdtemp(prefix=f".{root.name}-building-", dir=folder))
        try:
            _bootstrap(root, work)
            (work / "root").rename(root.path)
            cache.use(root.path)
        finally:
            shutil.rmtree(work)
    return root


def _bootstrap(root: Root, work: Path) -> None:
    words = ["--variant=minbase", f"--components={root.components}", f"--include={','.join(root.packages)}"]
    words += [f"--aptopt={line}" for line in ("Acquire::Languages none", *seed.apt_transport())]
    sources = []
    if root != DEBIAN:
        words.append(f"--keyring={_ubuntu_keyring(work)}")
        # Said in full: mmdebstrap itself knows Ubuntu's suites only where distro-info-data is installed.
        pockets = (root.suite, f"{root.suite}-updates", f"{root.suite}-security")
        sources = [f"deb {_ubuntu_archive()} {pocket} {root.components}" for pocket in pockets]
    tree = work / "root"
    run("mmdebstrap", *words, root.suite, tree, *sources, timeout=1800)
    (tree / "etc/apt/apt.conf.d/99mmdebstrap").unlink(missing_ok=True)
    seed.prepare_base(tree)
    tree.chmod(0o755)


def _ubuntu_keyring(work: Path) -> Path:
    """Return the archive's keyring: this machine's own, or the one in the archive's pool if its digest is right."""
    if KEYRING.exists():
        return KEYRING
    # An opener of its own: the module's keeps the proxies that the environment named at its first use.
    with urllib.request.build_opener().open(f"{_ubuntu_archive()}/{KEYRING_PACKAGE}", timeout=20) as answer:
        package = answer.read()
    if hashlib.sha256(package).hexdigest() != KEYRING_SHA256:
        raise RehearsalError(f"{KEYRING_PACKAGE} is not the file that was pinned: its sha256 differs")
    (work / "keyring.deb").write_bytes(package)
    run("dpkg-deb", "--extract", work / "keyring.deb", work / "keyring")
    return work / "keyring" / KEYRING.relative_to("/")


def _ubuntu_archive() -> str:
    """Return the archive that mmdebstrap itself takes for Ubuntu: a Debian knows it from nowhere else."""
    program = shutil.which("mmdebstrap")
    name = "ubuntu" if run("dpkg", "--print-architecture").strip() == "amd64" else "ubuntu-ports"
    found = re.search(rf"'(https?://[^']+/{name})'", Path(program).read_text()) if program else None
    if not found:
        raise RehearsalError("mmdebstrap names no archive for Ubuntu: install the package ubuntu-keyring")
    return found[1]


def overlay_works(folder: Path) -> bool:
    """Tell whether overlays can have their upper layer under `folder`: not where it lies on an overlay itself."""
    with tempfile.TemporaryDirectory(prefix=".overlay-", dir=folder) as scratch:
        for name in ("lower", "upper", "work", "root"):
            (Path(scratch) / name).mkdir()
        try:
            run("unshare", "--mount", "sh", "-c", mount_overlay(["lower"]), cwd=Path(scratch))
        except RehearsalError:
            return False
    return True


def mount_overlay(lowers: Sequence[str]) -> str:
    """Return the shell words that mount `root` in a box's folder over folders there, the lowest last."""
    # Relative, so that no character of the state folder's name needs escaping in the mount options.
    return f"mount -t overlay overlay -o lowerdir={':'.join(lowers)},upperdir=upper,workdir=work root"
