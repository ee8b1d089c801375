"""What goes wrong: each runs a moment's command with the fault in its middle, and returns how that ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.faults.moments import Moment
from tests.faults.world import Done, World, kill
from tests.kit.wait import until

Strike = Callable[[World, Moment], Done]
HOLD = 3.0
"""Seconds for which AWS holds a call back while something happens to who asked."""


def of_aws(action: str = "", **fault: Any) -> Strike:
    """AWS goes wrong: with the moment's own call, or with all that a pattern matches, for as long as it runs."""

    def strike(world: World, moment: Moment) -> Done:
        cloud = world.user.cloud
        before = len(cloud.calls())
        cloud.fault(action or moment.call, **fault)
        done = world.run(*moment.words(world))
        cloud.disarm()
        struck = [call for call in cloud.calls()[before:] if call.get("note") in ("fault", "lost")]
        assert struck, f"nothing went wrong: {done}"
        return done

    return strike


def in_the_middle(act: Callable[[World], None], *, kills: bool = False) -> Strike:
    """Something happens to the box, or to the command, while that is in its middle."""

    def strike(world: World, moment: Moment) -> Done:
        cloud, words = world.user.cloud, moment.words(world)
        if moment.middle is None:
            cloud.fault(moment.call, seconds=HOLD)
        process = world.begin(*words)
        try:
            until(lambda: _reached(world, moment), 120)
        except AssertionError:
            kill(process)
            raise AssertionError(f"{words} never came to its middle: {process.communicate()[0]}") from None
        if kills:
            kill(process)
            until(lambda: not cloud.armed())
        act(world)
        moment.release(world)
        return world.end(process, words)

    return strike


def _reached(world: World, moment: Moment) -> bool:
    return moment.middle(world) if moment.middle else not world.user.cloud.armed()


def nothing(_: World) -> None:
    """Do nothing."""


killed = in_the_middle(nothing, kills=True)
