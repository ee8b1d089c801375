"""What goes wrong in the middle: each runs a moment's command with the fault in it, and returns how that ended."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

from tests.faults.moment import Moment
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
        first = {"after": moment.calls} if "expired" in fault else {}
        cloud.fault(action or moment.call, **fault, **first)
        done = world.run(*moment.words(world))
        cloud.disarm()
        struck = [call for call in cloud.calls()[before:] if call.get("note") in ("fault", "lost")]
        assert struck, f"nothing went wrong: {done}"
        return done

    return strike


def killed(world: World, moment: Moment) -> Done:
    """The command is killed in its middle: while AWS does what it was asked for, or the box does."""
    words, cloud = moment.words(world), world.user.cloud
    if moment.call:
        cloud.fault(moment.call, seconds=HOLD)
    process = world.begin(*words)
    _comes(process, lambda: not cloud.armed() if moment.call else moment.middle(world))
    kill(process)
    if moment.call:
        time.sleep(2 * HOLD)  # AWS does it all the same, and nobody hears
    moment.release(world)
    return world.end(process, words)


def to_the_box(act: Callable[[World], None]) -> Strike:
    """Something happens to the box while the command is in its middle."""

    def strike(world: World, moment: Moment) -> Done:
        words = moment.words(world)
        process = world.begin(*words)
        _comes(process, lambda: moment.middle(world))
        act(world)
        moment.release(world)
        return world.end(process, words)

    return strike


def _comes(process: subprocess.Popen[str], middle: Callable[[], bool]) -> None:
    """Wait until a command is in its middle."""
    try:
        until(lambda: process.poll() is not None or middle(), 120)
    except AssertionError:
        kill(process)
    assert process.poll() is None, f"it never came to its middle: {process.communicate()[0]}"


def _cut_ssh(world: World) -> None:
    """End the connections of SSH that there are; their server stays."""
    world.on_box("pkill -KILL -f '^sshd: ubuntu' || true")


def _cut_power(world: World) -> None:
    """Pull the plug; somebody finds out, and starts the box again past `fab`."""
    assert world.box
    world.box.cut_power()
    until(lambda: world.state() == "stopped")
    world.ec2.start_instances(InstanceIds=[world.box.instance_id])


def _kill_runner(world: World) -> None:
    """Kill what carries the setup, or the run's own process."""
    world.on_box(f"pkill -KILL -f 'provision.agent.setup|/jobs/runs/{world.name}/'")


ssh_cut = to_the_box(_cut_ssh)
rebooted = to_the_box(World.reboot)
power_cut = to_the_box(_cut_power)
runner_killed = to_the_box(_kill_runner)
