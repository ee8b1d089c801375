"""`fab resume`: the next box where one is gone, and what was cut off goes on there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.agent.verbs import Verb
from provision.agent.wire import answers
from provision.catalogue.catalogue import Catalogue
from provision.life import cut_off, next_box, power
from provision.life.up import UP
from provision.tasks.following import follow, leaving
from provision.tasks.option import Choices
from provision.tasks.output import tell
from provision.tasks.setting_up import SetUp
from provision.tasks.verb import verb
from provision.tasks.verbs.up import up
from provision.transport.session import Session
from provision.work.runs import Runs, ways_back

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provision.model.host import Host
    from provision.model.run import Run
    from provision.screen.progress import View
    from provision.tasks.context import Context

OPTIONS = {
    "name": "only these runs; all that were cut off where not given",
    "plan": "say what would be done, and do nothing",
    "detach": "start them and return",
}
STOPPED = "stopped; the same command goes on from here, and starts nothing twice"


@verb(options=OPTIONS, argument="name", short_options=False, stopped=STOPPED)
def resume(c: Context, *, name: list[str] | None = None, plan: bool = False, detach: bool = False) -> None:
    """Bring the next box where one is gone, and start what was cut off again (fab resume [NAME ...]).

    A run goes on under its own name, with its log and results, with GPURIG_RESUMED=1, and by the command that
    its --resume named where it has one.
    """
    away = next_box.away(c.hosts)
    for one in away:
        tell(one.why)
    if plan:
        _plan(c, away, name or [])
        return
    if gone := [one.host for one in away if one.gone]:
        if codes := next_box.bring(gone, tell):
            tell(f"there is no capacity where it was ({', '.join(codes)}): looking elsewhere, as `fab up` does")
            up.body(c)
        c.look_again()
    going: dict[str, str] = {}
    resuming = _Resuming(c, name or [], {one.host.name: one.gone for one in away}, going, detach=detach)
    with leaving(going, limit=c.limit):
        c.each(resuming.on)


def _plan(c: Context, away: Sequence[next_box.Away], names: Sequence[str]) -> None:
    """Say what `resume` would do."""
    for one in away:
        way = f"the next one would be made by `pulumi {' '.join(UP)}`" if one.gone else "it would be started"
        tell(f"{one.host.name}: {way}; what was cut off is on its job volume, and is known once a box has that")
    names_away = {one.host.name for one in away}
    c.hosts = [host for host in c.hosts if host.name not in names_away]

    def show(session: Session, out: View) -> None:
        runs = Runs(session).all()
        wanted = cut_off.chosen(runs, names, session.host)
        for recipe in _needs(session, wanted, Catalogue()):
            out.line(f"recipe {recipe} would be set up first: it is not on {session.host}")
        for run in wanted:
            out.line(f"{run.name} ({run.state}: {run.why}) would go on in {run.folder}: {cut_off.how(run)}")
        if not wanted:
            out.line(f"nothing on {session.host} was cut off")

    if c.hosts:
        c.each_session(show)


def _needs(session: Session, runs: Sequence[Run], catalogue: Catalogue) -> list[str]:
    marks = session.answer({"verb": Verb.STATUS}, answers.Status)["marks"]
    return cut_off.needs(runs, session.host, marks, catalogue)


class _Resuming:
    """What is done on each host.

    `away`: those that were not up → whether they were made anew since; `going`: host → run, as far as one started.
    """

    def __init__(
        self, c: Context, names: Sequence[str], away: Mapping[str, bool], going: dict[str, str], *, detach: bool
    ) -> None:
        self.c, self.names, self.away, self.going, self.detach = c, names, away, going, detach
        self.catalogue = Catalogue()
        self.setting_up = SetUp(c.config, Choices.parse(None, None))

    def on(self, host: Host, out: View) -> None:
        """Set up what is needed, start what was cut off, and follow it."""
        if self.away.get(host.name) is False:
            host = power.start(host, self.c.config, out)
        self._wait_for_volume(host, out)
        with Session(host, self.c.config, tell=out.tell) as session:
            wanted = cut_off.chosen(Runs(session).all(), self.names, host)
            recipes = _needs(session, wanted, self.catalogue)
        if self.away.get(host.name) and not wanted:
            recipes = [host.recipe]
        for recipe in recipes:
            self.setting_up.on(host, recipe, out)
        with Session(host, self.c.config, tell=out.tell) as session:
            self._start(Runs(session), wanted, out)

    def _wait_for_volume(self, host: Host, out: View) -> None:
        """Have the job volume of a box that just boots in its place: the runs are on it."""
        if not (host.target and host.target.volume_id):
            return
        with Session(host, self.c.config, tell=out.tell) as session:
            mounted = session.answer({"verb": Verb.VOLUME}, answers.Volume)["mounted"]
        if not mounted:
            self.setting_up.on(host, "base", out)

    def _start(self, runs: Runs, wanted: Sequence[Run], out: View) -> None:
        host = runs.session.host
        if not wanted:
            out.tell(f"nothing on {host} was cut off")
            return
        for run in wanted:
            begun = runs.resume(run.name)
            self.going[host.name] = begun.name
            out.tell(f"{begun.name} goes on on {host} in {begun.folder}: {cut_off.how(begun)}")
        if len(wanted) == 1 and not self.detach:
            follow(runs, wanted[0].name, out, lines=1)
            return
        for run in wanted:
            out.tell(ways_back(run.name, limit=self.c.limit))
