"""To bring a host to a recipe: for `fab setup`, and for what else needs a recipe there first."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision.agent.paths import MACHINE_HOME
from provision.agent.words import Kind
from provision.catalogue import outline
from provision.model.access import PUBLIC
from provision.model.digest import sha256
from provision.model.errors import BadInput, GpurigError
from provision.screen import progress
from provision.tasks.option import pairs
from provision.tasks.target import Rendered, look_at_gpu, target_of
from provision.transport import notice
from provision.transport.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.option import Choices

OPTIONS = {
    "fresh": "install again what is there already",
    "upload": "RECIPE=FILE: send a file that the recipe installs from (a cuDNN tarball); may be given more than once",
}
JSON = "print every event as a line of JSON"
NO_UPLOADS: Mapping[str, Path] = {}


class SetUp:
    """Brings hosts to a recipe; what is the same for several is rendered once."""

    def __init__(
        self,
        config: Any,
        choices: Choices,
        *,
        uploads: Mapping[str, Path] = NO_UPLOADS,
        fresh: bool = False,
        json: bool = False,
    ) -> None:
        self.config, self.choices = config, choices
        self.uploads, self.fresh, self.json = uploads, fresh, json
        self._rendered = Rendered()

    def on(self, host: Host, recipe: str, out: View) -> None:
        """Bring one host to a recipe and show how it goes."""
        with Session(host, self.config, tell=out.tell) as session:
            session.begin()
            target = self.choices.on(target_of(host, session))
            bundle = self._rendered.of(recipe, target)
            look_at_gpu(session, recipe, target, self._rendered)
            steps = [step.name for step in bundle.steps]
            wrong = [f"--upload {name}: {bundle.name} has no such step" for name in self.uploads if name not in steps]
            if wrong:
                raise BadInput(wrong, hint=f"allowed: {', '.join(steps)}")
            for name, path in self.uploads.items():
                _send(session, name, path, out)
            _bring_keys(session, out)
            notice.watch(session)
            events = session.apply(bundle, fresh=self.fresh)
            if self.json:
                progress.echo(events, host, out)
                return
            outcome = progress.Progress(host, bundle.name, steps, out).show(events)
        if outcome == Kind.READY:
            _say_next(session.host, steps, out)

    def joins(self, recipe: str) -> bool:
        """Tell whether a host that was brought to a recipe is one of a cluster by that."""
        return outline.outlines()[recipe].joins


def _say_next(host: Host, steps: list[str], out: View) -> None:
    """Say how the pages of what has been set up are opened."""
    from provision.work import door  # noqa: PLC0415 - only after a setup
    from provision.work.webpage import BOARD, LAB  # noqa: PLC0415

    for page in (LAB, BOARD):
        if page.recipe in steps:
            out.line(f"next: `fab {page.verb}` opens it in the browser")
    if door.RECIPE in steps:
        out.line(f"next: `fab tunnel` opens it at http://127.0.0.1:{door.PORT}")
        if host.access == PUBLIC:
            out.line(f"      or: `fab password` makes the login of {door.url(host)}")


def _bring_keys(session: Session, out: View) -> None:
    """Bring the keys that are wanted beside the first one, which a stack's box is made with."""
    if not session.host.keys[bool(session.host.stack) :]:
        return
    from provision.life import keys  # noqa: PLC0415 - few hosts have more than one

    if lacking := keys.missing(keys.there(session), keys.recorded(session.host)):
        keys.put(session, [one.key for one in lacking])
        out.line(f"{', '.join(one.key.comment or one.key.fingerprint for one in lacking)} may log in now, too")


def uploads(words: list[str] | None) -> dict[str, Path]:
    """Return recipe → file. Raises `BadInput` for a word that is not RECIPE=FILE and for a file that is not there."""
    files = {name: Path(path).expanduser() for name, path in pairs("upload", words, "RECIPE=FILE").items()}
    if problems := [f"--upload {name}={p}: there is no such file" for name, p in files.items() if not p.is_file()]:
        raise BadInput(problems)
    return files


def _send(session: Session, name: str, path: Path, out: View) -> None:
    """Put a file where the recipe's install script looks for it, alone and whole, or not at all.

    It is read as the account, and taken by its checksum: another program of the account's could change it on its way.
    """
    suffix = "".join(path.suffixes[-2:]) if path.suffixes[-2:-1] == [".tar"] else path.suffix
    import paramiko  # noqa: PLC0415 - few recipes want a file

    folder = f"{MACHINE_HOME}/uploads"
    old, goal, new = (shlex.quote(f"{folder}/{word}") for word in (name, f"{name}{suffix}", f".{name}.part"))
    out.line(f"sending {path} ({path.stat().st_size / 2**20:.0f} MiB)")
    try:
        part = _put(session, path, f".gpurig-upload-{name}")
        user = shlex.quote(session.connection.user)
        read = f"umask 077; mkdir -p {folder} && runuser -u {user} -- cat {shlex.quote(part)} >{new}"
        check = f"echo {sha256(path)} {new} | sha256sum --check --quiet"
        # An older upload of another suffix would leave the recipe two to choose from.
        take = f"{read} && {check} && rm -f {old}.* && mv -f {new} {goal} || {{ rm -f {new}; false; }}"
        code, said = session.root(take)
        session.connection.sftp().remove(part)
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise GpurigError(f"{path} did not arrive on {session.host}: {error or type(error).__name__}") from error
    if code:
        raise GpurigError(f"{path} did not arrive on {session.host}: {said.strip()}")


def _put(session: Session, path: Path, name: str) -> str:
    """Copy a file into the account's home folder, where only the account may read it; returns its path there."""
    sftp = session.connection.sftp()
    with sftp.open(name, "w") as empty:
        empty.chmod(0o600)
    sftp.put(str(path), name)
    return str(sftp.normalize(name))
