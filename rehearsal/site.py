"""The rehearsal's own folder: a key, programs on PATH, and an environment that reaches no real account."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal import engine, provider
from rehearsal.cloud.handle import Cloud, direct
from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
STATE = ROOT / ".rehearsal"
KEY = "id_ed25519"
"""The name of the private key in it."""
DOWNLOADS = "https://get.pulumi.com"
"""Where the SDK's own installer takes the Pulumi CLI from."""
PROBE_SECONDS = 3
INSTALL_SECONDS = 180


@dataclasses.dataclass(frozen=True, kw_only=True)
class Site:
    """One rehearsal: a running cloud and the programs that go with it."""

    cloud: Cloud
    stack: str
    engine: str
    """Which Pulumi engine runs, in words for the user."""

    @property
    def trains(self) -> bool:
        """Whether DIGITS can train here: the real Caffe is built for a GPU and does nothing without one."""
        return self.stack != "rehearsal-upstream"

    @property
    def state(self) -> Path:
        """The folder of everything that this rehearsal writes."""
        return self.cloud.state

    @property
    def key(self) -> Path:
        """The private key of its user."""
        return self.state / KEY

    @property
    def env(self) -> dict[str, str]:
        """A user's environment in this rehearsal, without credentials and profiles of a real account."""
        kept = own_environment()
        path = os.pathsep.join([str(self.state / "bin"), kept["PATH"]])
        return {**kept, **self.cloud.env, **self.settings, "PATH": path}

    @property
    def settings(self) -> dict[str, str]:
        """What the commands need to know beyond the cloud's own variables."""
        return {
            **direct(os.environ),
            "PULUMI_BACKEND_URL": f"file://{self.state / 'pulumi'}",
            "PULUMI_HOME": str(self.state / "pulumi-home"),
            "PULUMI_STACK": self.stack,
            # The state of a rehearsal guards nothing: its passphrase is in the open.
            "PULUMI_CONFIG_PASSPHRASE": "rehearsal",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "GPURIG_SSH_KEY": str(self.key),
            "GPURIG_CALLER_ADDRESS_URL": f"{self.cloud.endpoint}/_rehearsal/address",
        }


def own_environment() -> dict[str, str]:
    """Return this process's environment with our programs on PATH, without credentials and settings of a user's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_", "GPURIG_"))}
    return {**kept, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])}


def open_site(state: Path, *, stack: str, boxes: bool, sources: str, tell: Callable[[str], None]) -> Site:
    """Start (or find) the cloud of `state` and lay out what goes with it. Raises `RehearsalError`."""
    state.mkdir(parents=True, exist_ok=True)
    for folder in ("pulumi", "pulumi-home", "bin"):
        (state / folder).mkdir(exist_ok=True)
    key_of(state)
    provider.install_shim(state / "bin")
    which = _engine(state, tell)
    cloud = Cloud.find(state) or Cloud.start(state, boxes=boxes, sources=sources)
    return Site(cloud=cloud, stack=stack, engine=which)


def key_of(state: Path) -> Path:
    """Return the private key of a state folder's user, made where there is none. Raises `RehearsalError`."""
    key = state / KEY
    if not key.exists():
        _make_key(key)
    return key


def _make_key(key: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "gpurig rehearsal", "-f", str(key)]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise RehearsalError("there is no ssh-keygen on this machine: apt-get install openssh-client") from None
    if done.returncode:
        raise RehearsalError(f"ssh-keygen made no key in {key}: {done.stderr.strip()}")


def _engine(state: Path, tell: Callable[[str], None]) -> str:
    """Choose a `pulumi`: the user's own, else the official one if it can be had, else the stand-in."""
    shim = state / "bin" / "pulumi"
    shim.unlink(missing_ok=True)
    if found := shutil.which("pulumi"):
        return f"the Pulumi CLI {_version(found)}"
    home = state / "pulumi-cli"
    if _answers(home / "bin" / "pulumi") or _installs(home, tell):
        # The CLI looks for its language host beside itself, and a link keeps it there.
        shim.symlink_to(home / "bin" / "pulumi")
        return f"the Pulumi CLI {_version(str(shim))}"
    engine.install_shim(state / "bin")
    return "rehearsal/engine: no Pulumi CLI on PATH, and its download does not answer"


def _version(program: str) -> str:
    answer = subprocess.run([program, "version"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return answer.stdout.strip() or "(version unknown)"


def _answers(program: Path) -> bool:
    """Tell whether a `pulumi` is whole: half of one does not run."""
    try:
        return subprocess.run([program, "version"], capture_output=True, check=False, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _installs(home: Path, tell: Callable[[str], None]) -> bool:
    """Install the official CLI with the SDK's installer, in the version of the SDK, if its download answers at once."""
    try:
        urllib.request.urlopen(DOWNLOADS, timeout=PROBE_SECONDS).close()
    except (urllib.error.URLError, OSError):
        return False
    tell("installing the Pulumi CLI for this rehearsal, once")
    part = home.with_name(f"{home.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    install = f"from pulumi.automation import PulumiCommand; PulumiCommand.install(root={str(part)!r})"
    # A session of its own: the installer is a tree of processes, and all of it has to end when its time is up.
    installer = subprocess.Popen(
        [sys.executable, "-c", install],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = installer.wait(INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        code = -1
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(installer.pid, signal.SIGKILL)
        installer.wait()
    if code or not _answers(part / "bin" / "pulumi"):
        return False
    shutil.rmtree(home, ignore_errors=True)
    part.rename(home)
    return True
