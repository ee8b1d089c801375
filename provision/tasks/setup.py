"""`fab setup` and `fab setup-<recipe>`: install a recipe and all that it needs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision import progress
from provision.bundle import HOME, render
from provision.errors import BadInput, GpurigError
from provision.session import Session
from provision.tasks.base import hosts_for, target_of, task, tell

if TYPE_CHECKING:
    from provision.inventory import Host
    from provision.recipe import Recipe

HELP = {
    "fresh": "install again what is there already",
    "json": "print every event as a line of JSON",
    "upload": "RECIPE=FILE: send a file that the recipe installs from (a cuDNN tarball); may be given more than once",
}


@task(help={"recipe": "what to install; without it, what the host is for", **HELP}, iterable=["upload"])
def setup(
    c: Any,
    recipe: str = "",
    *,
    fresh: bool = False,
    json: bool = False,
    upload: list[str] | None = None,
) -> None:
    """Install a recipe and all that it needs, on every host."""
    for host in hosts_for(c):
        set_up(host, c.config, recipe or host.recipe, fresh=fresh, json=json, uploads=_uploads(upload or []))


def setup_task(recipe: Recipe) -> Any:
    """Return the `setup-<name>` task of a recipe."""

    def body(c: Any, *, fresh: bool = False, json: bool = False, upload: list[str] | None = None) -> None:
        setup.body(c, recipe.name, fresh=fresh, json=json, upload=upload)

    body.__doc__ = f"Install {recipe.summary[0].lower() if recipe.summary[1:2].islower() else recipe.summary[0]}"
    body.__doc__ += recipe.summary[1:]
    body.__name__ = f"setup_{recipe.name.replace('-', '_')}"
    return task(name=f"setup-{recipe.name}", help=HELP, iterable=["upload"])(body)


def set_up(host: Host, config: Any, recipe: str, *, fresh: bool, json: bool, uploads: dict[str, Path]) -> None:
    """Bring one host to a recipe and show how it goes."""
    with Session(host, config, tell=tell) as session:
        bundle = render([recipe], target_of(host, session))
        for name, path in uploads.items():
            _send(session, name, path)
        events = session.apply(bundle, fresh=fresh)
        if json:
            progress.echo(events, host)
            return
        with progress.view() as out:
            ending = progress.Progress(host, bundle, out).show(events)
    if ending == "ready" and "digits" in {step.name for step in bundle.steps}:
        print("next: `fab tunnel` opens DIGITS at http://127.0.0.1:5000")


def _uploads(words: list[str]) -> dict[str, Path]:
    """Return recipe → file. Raises `BadInput` for a word that is not RECIPE=FILE and for a file that is not there."""
    pairs = dict(word.partition("=")[::2] for word in words)
    problems = [f"--upload {name}={path}: write RECIPE=FILE" for name, path in pairs.items() if not (name and path)]
    problems += [
        f"--upload {name}={p}: there is no such file" for name, p in pairs.items() if p and not Path(p).is_file()
    ]
    if problems:
        raise BadInput(problems)
    return {name: Path(path).expanduser() for name, path in pairs.items()}


def _send(session: Session, name: str, path: Path) -> None:
    """Put a file where the recipe's install script looks for it, whole or not at all."""
    suffix = "".join(path.suffixes[-2:]) if path.suffixes[-2:-1] == [".tar"] else path.suffix
    part = f"/tmp/gpurig-upload-{name}"  # noqa: S108 - the account's own file, moved by root right after
    goal = f"{HOME}/uploads/{name}{suffix}"
    tell(f"sending {path} ({path.stat().st_size / 2**20:.0f} MiB)")
    session.connection.put(str(path), part)
    move = f"mkdir -p {HOME}/uploads && mv {part} {shlex.quote(goal)} && chown root: {shlex.quote(goal)}"
    result = session.root(move)
    if result.failed:
        raise GpurigError(f"{path} did not arrive on {session.host}: {result.stderr.strip()}")
