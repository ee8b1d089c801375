"""`fab run --all-hosts`: one training on several hosts, which begins on all of them or on none."""

from __future__ import annotations

import contextlib
import secrets
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from provision.model.errors import BadInput, GpurigError
from provision.tasks.following import follow, leaving
from provision.tasks.output import tell
from provision.tasks.target import target_of
from provision.work import together
from provision.work.runs import Runs, check_name, ways_back

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session
    from provision.work.together import Look


def run(
    c: Context,
    command: str,
    *,
    name: str,
    recipe: str,
    folder: str,
    env: Mapping[str, str],
    resume: str,
    detach: bool,
) -> None:
    """Start torchrun on all hosts, and follow it. Raises `BadInput` before anything is started for what cannot be."""
    hint = f"fab run --all-hosts --with {together.RECIPE} -- train.py"
    if recipe != together.RECIPE:
        raise BadInput([f"--all-hosts starts PyTorch's torchrun, and comes with --with {together.RECIPE}"], hint=hint)
    if resume:
        raise BadInput(["--resume: `fab resume` starts nothing again that trained on all hosts"], hint=hint)
    if name:
        check_name(name)
    with contextlib.ExitStack() as stack:
        training = _Training(c, together.words_of(command), folder or Path.cwd().name, stack)
        stack.enter_context(leaving(training.started, limit=c.limit))
        if training.look() and training.start(training.named(name), env, folder):
            training.follow(detach=detach)


class _Training:
    """One training; its sessions with the hosts last as long as `stack`."""

    def __init__(self, c: Context, words: list[str], folder: str, stack: contextlib.ExitStack) -> None:
        self.c, self.words, self.folder = c, words, folder
        self.hosts = list(c.hosts)
        self.addresses = together.addresses(self.hosts)
        self.name = ""
        self.started: dict[str, str] = {}
        """Host → run, as far as they have begun."""
        self._sessions = {host.name: stack.enter_context(c.session(host, tell)) for host in self.hosts}
        self._looks: dict[str, Look] = {}

    def _session(self, host: Host, out: View) -> Session:
        session = self._sessions[host.name]
        session.tell = out.tell
        return session

    def look(self) -> bool:
        """See what all hosts have; returns whether all could say."""

        def ask(host: Host, out: View) -> None:
            number = self.hosts.index(host)
            own, other = self.addresses[number], self.addresses[0 if number else -1]
            seen = together.look(self._session(host, out), own, other, self.folder, self.words)
            self._looks[host.name] = seen

        self.c.each(ask)
        return not self.c.exit_codes

    def named(self, name: str) -> str:
        """Return the run's name. Raises `BadInput` with all that keeps these hosts from training together."""
        looks = {host.name: self._looks[host.name] for host in self.hosts}
        if problems := together.problems(looks, name):
            raise BadInput(problems, hint="nothing was started")
        return name or together.name_for(self.words, looks)

    def start(self, name: str, env: Mapping[str, str], folder: str) -> bool:
        """Start the run of that name on all hosts; where one cannot, those of the others are cancelled."""
        port = self._looks[self.hosts[0].name].port
        known = {together.TOKEN: secrets.token_hex(16), **env}

        def begin(host: Host, out: View) -> None:
            session = self._session(host, out)
            rank = self.hosts.index(host)
            text = together.command(rank, self.hosts, self.addresses, port, self.words)
            asked = f"torchrun {shlex.join(self.words)} ({rank + 1} of {len(self.hosts)})"
            where = {"folder": folder, "beside": self.folder}
            runs = Runs(session, target_of(host, session))
            run = runs.start(text, name=name, recipe=together.RECIPE, env=known, asked=asked, resume=None, **where)
            self.started[host.name] = run.name
            out.tell(f"{run.name} runs on {session.host} in {run.folder}")

        self.name = name
        try:
            self.c.each(begin)
        finally:
            if len(self.started) < len(self.hosts):
                self._cancel()
        return not self.c.exit_codes

    def _cancel(self) -> None:
        """End what has begun: the others would wait for a host that does not come."""
        there = [host for host in self.hosts if host.name in self.started]
        if not there:
            return
        tell(f"{self.name} is cancelled where it had begun: {', '.join(host.name for host in there)}")

        def end(host: Host, out: View) -> None:
            try:
                Runs(self._session(host, out)).cancel(self.name)
            except GpurigError as error:
                out.tell(f"{self.name} on {host} ends by itself, as the others do not come: {error}")

        self.c.each(end, there)

    def follow(self, *, detach: bool) -> None:
        """Show what all say until they end, or how to find them again."""
        if detach:
            tell(ways_back(self.name, limit=self.c.limit))
            return
        self.c.each(lambda host, out: follow(Runs(self._session(host, out)), self.name, out))
