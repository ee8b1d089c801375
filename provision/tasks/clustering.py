"""After `fab setup-ray`: the hosts become one cluster, the first of all hosts its head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.model.errors import BadInput
from provision.tasks.output import tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provision.catalogue.recipe import Recipe
    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.tasks.setting_up import SetUp


def bring(c: Context, setting_up: SetUp, recipe: Recipe) -> list[Host]:
    """Have all hosts be a cluster, with what its example needs; returns the head, where that runs.

    None where something failed, which is said then.
    """
    if c.limit:
        raise BadInput([f"the example of {recipe.name} runs on all hosts: leave --limit out"])
    for name in recipe.with_trial(recipe.example):
        c.each(lambda host, out, name=name: setting_up.on(host, name, out))  # type: ignore[misc]
        if c.exit_codes:
            return []
    form(c, setting_up, recipe.name, c.hosts)
    return [] if c.exit_codes else c.everyone[:1]


def form(c: Context, setting_up: SetUp, recipe: str, ready: Sequence[Host]) -> None:
    """Let the hosts that are set up, and have Ray by that, into the cluster, the head first.

    `recipe`: what was set up; "" for what each host is for.
    """
    hosts = [host for host in ready if setting_up.joins(recipe or host.recipe)]
    if not hosts:
        return
    from provision.work.cluster import Cluster  # noqa: PLC0415 - few setups have anything to do with it

    first = c.everyone[0]

    def head(host: Host, out: View) -> None:
        with c.session(host, out.tell) as session:
            out.tell(_said(session.host, "the head of", changed=Cluster(session).let_in(session)))

    # Where it failed in its setup, or fails now, it is said already, with an exit code.
    failed = (first in hosts and not c.each(head, [first])) or (first in c.hosts and first not in ready)
    others = [host for host in hosts if host != first]
    if others and failed:
        who = ", ".join(host.name for host in others)
        tell(f"{who}: not let in, for that is up to {first.name}; then do this again")
    elif others:
        _let_in(c, first, others)


def _let_in(c: Context, first: Host, others: Sequence[Host]) -> None:
    from provision.work.cluster import Cluster, check_head  # noqa: PLC0415 - as above

    with c.session(first, lambda _: None) as session:
        cluster = Cluster(session)
        check_head(session)  # here, once: those who come share its connection

        def worker(host: Host, out: View) -> None:
            with c.session(host, out.tell) as own:
                out.tell(_said(own.host, "in", changed=cluster.let_in(own)))

        c.each(worker, others)


def _said(host: Host, what: str, *, changed: bool) -> str:
    return f"{host} is {what} the cluster{' now' if changed else ', as before'}"
