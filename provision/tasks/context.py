"""What a verb is given as `c`: the hosts that it works on, and the options that several verbs have."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import fabric
import fabric.main

from provision.model import laptop
from provision.model.checks import USER
from provision.model.errors import BadInput, GpurigError
from provision.model.schema import plain
from provision.screen import progress
from provision.tasks.output import tell
from provision.transport import ahead, inventory
from provision.transport.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.option import Choices

FILES, FILES_EACH = 64, 4
"""Open files of this program, and of each host: its connection, the one to the SSH agent, what a session takes."""


@dataclasses.dataclass
class Context:
    """One call of a verb. The fields with a default are options: a verb has those that its declaration names."""

    fabric: Any
    """The context that Fabric gave: a connection where hosts were given by `-H`."""
    json: bool = False
    source: Sequence[str] | None = None
    accept: Sequence[str] | None = None
    limit: str = ""
    exit_codes: list[int] = dataclasses.field(default_factory=list, init=False)
    """Of the hosts that failed; the program ends with the first once the verb is through."""
    summaries: list[str] = dataclasses.field(default_factory=list, init=False)
    """Which of several hosts failed: told once the verb is through, below all that it prints, where it is seen."""
    waits: bool = dataclasses.field(default=True, init=False)
    """Whether a host that was made just now is waited for until it has booted."""

    @property
    def config(self) -> Any:
        """Fabric's configuration."""
        return self.fabric.config

    @property
    def choices(self) -> Choices:
        """What `--source` and `--accept` say. Raises `BadInput`."""
        from provision.tasks.option import Choices  # noqa: PLC0415 - it looks into the catalogue

        return Choices.parse(self.accept, self.source)

    @functools.cached_property
    def everyone(self) -> list[Host]:
        """The hosts that `fab -H` gave, else those of the hosts file or the stack."""
        given = dict.fromkeys(filter(None, given_hosts(self.fabric)))
        if given:
            ahead.remember_none()
        return [_given(self.fabric, word) for word in given] or inventory.load(tell)

    @functools.cached_property
    def hosts(self) -> list[Host]:
        """Of all hosts, those in `limit`. Raises `BadInput` for a word of it that is no host's name or address."""
        hosts = self.everyone
        words = [word.strip() for word in self.limit.split(",") if word.strip()]
        known = {name for host in hosts for name in (host.name, host.address)}
        if problems := [f"--limit {word}: no host has that name or address" for word in words if word not in known]:
            raise BadInput(problems, hint=f"there are: {', '.join(host.name for host in hosts)}")
        return [host for host in hosts if not words or {host.name, host.address} & set(words)]

    def look_again(self) -> None:
        """Have the hosts read anew: the stack has others, or the same at other addresses."""
        for kept in ("hosts", "everyone"):
            vars(self).pop(kept, None)

    def one_host(self) -> Host:
        """Return the only host. Raises `BadInput` where there are several."""
        if len(self.hosts) != 1:
            names = ", ".join(host.name for host in self.hosts)
            problem = f"this works on one host, and there are {len(self.hosts)}: {names}"
            raise BadInput([problem], hint="--limit NAME takes one")
        return self.hosts[0]

    def each(self, action: Callable[[Host, View], None], some: Sequence[Host] | None = None) -> list[Host]:
        """Do something on all hosts, or on `some`, at once; the error of one is printed and keeps no other waiting.

        The action prints through its view only. Returns the hosts where nothing failed.
        """
        hosts = self.hosts if some is None else some
        if len(hosts) > 1:
            from provision.screen import fleet  # noqa: PLC0415 - for one host nothing of it is needed

            make_room(len(hosts))
            failures = fleet.Crew(hosts, action).work()
            if any(failures):
                self.summaries.append(fleet.summary(hosts, failures))
                self.exit_codes.extend(error.exit_code for error in failures if error is not None)
            return [host for host, error in zip(hosts, failures, strict=True) if error is None]
        try:
            with progress.view() as out:
                action(hosts[0], out)
        except GpurigError as error:
            tell(f"error: {error}")
            self.exit_codes.append(error.exit_code)
            return []
        return list(hosts)

    def each_session(self, action: Callable[[Session, View], None], some: Sequence[Host] | None = None) -> None:
        """Do something in a session with every host or `some`, as `each` does; a session connects when first asked."""

        def in_session(host: Host, out: View) -> None:
            with self.session(host, out.tell) as session:
                action(session, out)

        self.each(in_session, some)

    def session(self, host: Host, tell: Callable[[str], None]) -> Session:
        """Return a session with a host, which connects when first asked."""
        return Session(host, self.config, tell=tell, waits=self.waits)


def make_room(hosts: int) -> None:
    """Have the system let this program open as many files as hosts take. Raises `BadInput` where it does not."""
    needed = FILES + FILES_EACH * hosts
    there = laptop.open_files(needed)
    if there < needed:
        most = max(1, (there - FILES) // FILES_EACH)
        problem = f"{hosts} hosts at once take {needed} open files, and this system gives a program {there}"
        raise BadInput([problem], hint=f"more of them: ulimit -Hn {needed}; or at most {most} hosts: --limit A,B,…")


def given_hosts(call: Any) -> list[str]:
    """Return the words of `fab -H`, for each of which Fabric calls a verb; none where it was not given."""
    return (fabric.main.program.args.hosts.value or "").split(",") if isinstance(call, fabric.Connection) else []


def _given(c: fabric.Connection, word: str) -> Host:
    """Return the host that a word of `fab -H` names. Raises `BadInput`."""
    given = c.derive_shorthand(word)
    host = inventory.named(given["host"], user=given["user"], port=given["port"])
    if host.target:
        return host
    # A machine that no file knows is as ssh_config has it: Fabric looks the rest (HostName, ProxyJump) up by its alias.
    alias = fabric.Connection(word, config=c.config.clone())
    if not USER.holds(alias.user):
        raise BadInput([f"-H {plain(word)}: ssh_config's User has to be {USER.allowed}"])
    return dataclasses.replace(host, user=alias.user, port=alias.port)
