"""`fab ssh-config`: `ssh box`, rsync and editors reach the boxes by name, with their pinned keys."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import TYPE_CHECKING

from provision.aws import instances
from provision.model.errors import BadInput, NoHosts, Unreachable
from provision.tasks.output import tell
from provision.tasks.verb import verb
from provision.transport import host_keys, user_config, whereabouts
from provision.transport import ssh_config as entries

if TYPE_CHECKING:
    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context

OPTIONS = {
    "remove": "take the stack's boxes, and with the last ones the line in ~/.ssh/config, away again",
    "yes": "add the line to ~/.ssh/config without asking",
}


@verb(options=OPTIONS, limit="", short_options=False)
def ssh_config(c: Context, *, remove: bool = False, yes: bool = False) -> None:
    """Let `ssh box`, rsync and VS Code Remote reach the boxes: writes a file that ~/.ssh/config includes."""
    if remove:
        _remove(c)
        return
    if problems := [f"{host} is no box of a stack" for host in c.hosts if not (host.instance_id and host.stack)]:
        raise BadInput(problems, hint="a machine of your own has its entry in your own ~/.ssh/config")
    found: dict[str, Host] = {}

    def locate(host: Host, out: View) -> None:
        found[host.name] = _located(host, out)

    c.each(locate)
    if len(found) < len(c.hosts):
        return
    taken = user_config.names()
    hosts = [found[host.name] for host in c.hosts]
    path = entries.write(hosts, host_keys.known_hosts(), _identity(c), taken)
    for host in hosts:
        name = entries.long_name(host) if host.name in taken else host.name
        if host.name in taken:
            tell(f'your ~/.ssh/config has an entry "{host.name}" of its own, which stays: this one is {name}')
        print(f"ssh {name}: {host.user}@{host.address or '(no address: it is stopped; fab start)'}")
    tell(f"written to {path}; fab start, up and resume keep it true")
    _include(yes=yes)


def _located(host: Host, out: View) -> Host:
    """Return a host where it is now, its key pinned; one that is stopped without an address. Raises `GpurigError`."""
    try:
        found = whereabouts.look_up(host, out.tell)
    except whereabouts.NotRunning:
        if instances.find(host).state not in (instances.STOPPING, instances.STOPPED):
            raise
        return dataclasses.replace(host, address="")
    if not host_keys.pinned(found):
        host_keys.pin(found, out.tell)
    return found


def _identity(c: Context) -> str:
    """Return the private key that fab itself takes: of -i or Fabric's settings, else $GPURIG_SSH_KEY, else none."""
    given = c.config.connect_kwargs.get("key_filename") or os.environ.get("GPURIG_SSH_KEY", "")
    return str(given if isinstance(given, str) else given[0])


def _include(*, yes: bool) -> None:
    """See that the user's ssh_config reads our files, where he lets us."""
    if user_config.included():
        return
    line, path = user_config.line(), user_config.path()
    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            tell(f"{path} does not read it yet; put this line at its top, or let fab ssh-config --yes do it:\n  {line}")
            return
        tell(f"{path} does not read it yet; this line would come to its top:\n  {line}\nadd it? [y/N] ")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            tell("left as it is")
            return
    user_config.include()
    tell(f"{path} begins with it now: {line}")


def _remove(c: Context) -> None:
    """Take the stack's file away; where the stack is gone, or says nothing, all files of this project."""
    try:
        stacks = {host.stack for host in c.hosts if host.stack}
        mine = [path for path in entries.of_this_project() if path in map(entries.file_of, stacks)]
    except (NoHosts, Unreachable):
        mine = entries.of_this_project()
    for path in mine:
        path.unlink()
        print(f"removed {path}")
    if not mine:
        print("there was nothing of this stack in ~/.ssh")
    folder = entries.folder()
    if folder.is_dir() and not any(folder.glob("*.conf")):
        if not any(folder.iterdir()):
            folder.rmdir()
        if user_config.exclude():
            print(f"{user_config.path()} reads gpurig's files no more")
