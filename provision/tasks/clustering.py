"""After `fab setup-ray`: the hosts become one cluster, the first of all hosts its head."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.tasks.setting_up import SetUp


def form(c: Context, setting_up: SetUp, recipe: str) -> None:
    """Let the hosts that have Ray into the cluster, the head first; where a setup failed, nothing is done.

    `recipe`: what was set up; "" for what each host is for.
    """
    hosts = [] if c.exit_codes else [host for host in c.hosts if setting_up.brings("ray", recipe or host.recipe)]
    if not hosts:
        return
    from provision.work.cluster import Cluster  # noqa: PLC0415 - few setups have anything to do with it

    first = c.everyone[0]

    def head(host: Host, out: View) -> None:
        with c.session(host, out.tell) as session:
            out.tell(_said(session.host, "the head of", changed=Cluster(session).let_in(session)))

    if first in hosts:
        c.each(head, [first])
    others = [host for host in hosts if host != first]
    if not others or c.exit_codes:
        return
    with c.session(first, lambda _: None) as session:
        cluster = Cluster(session)
        _ = session.connection  # here, once: those who come share it

        def worker(host: Host, out: View) -> None:
            with c.session(host, out.tell) as own:
                out.tell(_said(own.host, "in", changed=cluster.let_in(own)))

        c.each(worker, others)


def _said(host: Host, what: str, *, changed: bool) -> str:
    return f"{host} is {what} the cluster{' now' if changed else ', as before'}"
