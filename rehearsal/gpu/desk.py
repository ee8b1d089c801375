"""One box on this machine, reached as a GPU box under a desk is: by its address, from `hosts.toml`.

It shares the network that this process has. Its sshd listens on the loopback address, on a port of its own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import socket
import subprocess
import time
from typing import TYPE_CHECKING

from rehearsal.boxes import cgroups, roots, seed
from rehearsal.boxes.box import Box, lay_out
from rehearsal.boxes.ledger import Ledger, alone, ledger_of
from rehearsal.boxes.nspawn import Place
from rehearsal.boxes.releases import RELEASES
from rehearsal.boxes.run import run
from rehearsal.errors import CannotBoot, RehearsalError
from rehearsal.hypervisor import InstanceSpec
from rehearsal.site import ROOT, key_of, own_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rehearsal.gpu.offline import Unpacked

NAME = "card"
LOOPBACK = "127.0.0.1"
BOOT_SECONDS = 40
HOST_KEY = "etc/ssh/ssh_host_ed25519_key.pub"


class TimedOut(RehearsalError):
    """A command of the user's did not end in time."""

    def __init__(self, words: Sequence[str], seconds: float, said: str) -> None:
        """Say which; `said` is what it had said until then."""
        super().__init__(f"`{' '.join(words)}` did not end within {seconds:.0f} s")
        self.said = said


@dataclasses.dataclass(frozen=True, kw_only=True)
class Desk:
    """A box that is up, and what a user needs to reach it."""

    state: Path
    tree: Path
    """The layer of its own files."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """What kind of box it is to be."""

    root: roots.Root | Unpacked
    image: str
    """What it stands for, as `fab` names images."""
    gpu: str
    """As hosts.toml has it: "auto", "none" or a model."""
    licences: tuple[str, ...] = ()
    binds: tuple[str, ...] = ()
    """Words of nspawn about folders that it gets."""
    files: tuple[tuple[str, str], ...] = ()
    """Path below / → content."""
    links: tuple[tuple[str, str], ...] = ()
    """Path below / → where it leads."""


@contextlib.contextmanager
def desk(state: Path, wish: Wish) -> Iterator[Desk]:
    """Boot a box and write hosts.toml for it; all of it is gone at the end. Raises `RehearsalError`."""
    state = state.resolve()
    with contextlib.ExitStack() as undo:
        undo.enter_context(alone(state))
        ledger = Ledger(ledger_of(state))
        undo.enter_context(_groups())
        ledger.give_back(RELEASES)
        undo.callback(ledger.give_back, RELEASES)
        folder = state / "boxes" / NAME
        ledger.take("folder", str(folder))
        tree, mount = lay_out(folder, [wish.root.path], overlay=roots.overlay_works(state))
        port = _free_port()
        _furnish(tree, wish, port, key_of(state).with_suffix(".pub").read_text(encoding="utf-8").strip())
        tag = f"gr{secrets.token_hex(3)}-{NAME}"
        place = Place(folder=folder, machine=tag, namespace="", mount=mount, binds=wish.binds)
        box = Box(place, ledger, lambda: None)
        box.start()
        undo.callback(box.stop)
        made = Desk(state=state, tree=tree)
        _await(box, port, tree)
        _introduce(made, wish, port)
        yield made


@contextlib.contextmanager
def _groups() -> Iterator[None]:
    """Have a tree of control groups, also where nobody has mounted one, as in a container without systemd."""
    if cgroups.hierarchies():
        yield
        return
    run("mount", "-t", "cgroup2", "cgroup2", cgroups.ROOT)
    try:
        yield
    finally:
        run("umount", cgroups.ROOT)


def _furnish(tree: Path, wish: Wish, port: int, key: str) -> None:
    """Write what makes the tree this box: account and key (by cloud-init), its sshd's port, what it was given."""
    spec = InstanceSpec(
        instance_id=NAME,
        image_id=wish.image,
        instance_type="",
        public_ip=LOOPBACK,
        private_ip=LOOPBACK,
        user_data=b"#cloud-config\n{}\n",
        public_keys=(key,),
        rules=(),
    )
    seed.write_instance(tree, spec, base=wish.root.path, user=wish.root.user, caller=LOOPBACK)
    # Ubuntu 24.04's systemd, which listens for it, reads the same.
    seed.put(tree, "etc/ssh/sshd_config.d/10-desk.conf", f"Port {port}\nListenAddress {LOOPBACK}\n")
    for path, text in wish.files:
        seed.put(tree, path, text)
    for path, target in wish.links:
        _link(tree, path, target)


def _link(tree: Path, name: str, target: str) -> None:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _await(box: Box, port: int, tree: Path) -> None:
    """Wait until its sshd answers and its host key is there. Raises CannotBoot with the end of its console."""
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and box.running:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=2) as line:
            if line.recv(4).startswith(b"SSH-") and (tree / HOST_KEY).exists():
                return
        time.sleep(0.2)
    said = box.console.read_text(errors="replace").splitlines()[-15:]
    raise CannotBoot("its sshd does not answer; the end of its console:\n" + "\n".join(said))


def _introduce(made: Desk, wish: Wish, port: int) -> None:
    """Write the user's files about the box: hosts.toml, and its host key, which is read off its disk."""
    home = made.state / "home" / ".ssh"
    home.mkdir(parents=True, exist_ok=True)
    key = " ".join((made.tree / HOST_KEY).read_text(encoding="utf-8").split()[:2])
    (home / "known_hosts").write_text(f"[{LOOPBACK}]:{port} {key}\n", encoding="utf-8")
    rows = {"address": LOOPBACK, "user": wish.root.user, "image": wish.image, "gpu": wish.gpu}
    lines = [f"licences = [{', '.join(map(repr, wish.licences))}]", "", f"[host.{NAME}]"]
    lines += [f'{name} = "{value}"' for name, value in rows.items()]
    (made.state / "hosts.toml").write_text("\n".join([*lines, f"port = {port}", ""]), encoding="utf-8")


def on_card(made: Desk, *words: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a command of the user's with that box. Raises `TimedOut` where it does not end in time."""
    return as_user(made.state, *words, seconds=seconds)


def as_user(state: Path, *words: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a command of the user's, who knows no box but that of a state folder. Raises `TimedOut`."""
    own = {"HOME": str(state / "home"), "GPURIG_HOSTS": str(state / "hosts.toml"), "GPURIG_SSH_KEY": str(key_of(state))}
    try:
        return subprocess.run(
            words,
            cwd=ROOT,
            env={**own_environment(), **own},
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        # Bytes, or nothing, also where text is asked for.
        said = error.stdout.decode(errors="replace") if error.stdout else ""
        raise TimedOut(words, seconds, said) from error
