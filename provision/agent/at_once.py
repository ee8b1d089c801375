"""The steps of a setup at once: each starts when all that it needs is done, and there is room for it.

Downloads go ahead of builds: a build takes every core and the memory to go with them, so one goes at a time, beside
what takes neither. What may ask for a reboot waits for the others, and is alone. A step that fails takes with it those
that need it, and no others. How one step is carried is not known here (`setup`); for apt they wait in turn (`lib.sh`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
import traceback
from typing import TYPE_CHECKING

from provision.agent.journal import record
from provision.agent.words import Kind, StepState

if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional, Set

    from provision.agent.wire.documents import Graph, Step
    from provision.agent.wire.setups import Failed

FEWEST = 2
"""Those on the smallest machine: one computes while the other waits for the network."""


def most_at_once() -> int:
    """Return how many steps may go at once here beside a build: one a core, with a GiB of memory for each."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    return max(FEWEST, min(len(os.sched_getaffinity(0)), memory))


class AtOnce:
    """The steps of one setup on their way; `carry` brings one to done, and returns what failed where it cannot."""

    def __init__(self, steps: List[Step], graph: Graph, carry: Callable[[Step], Optional[Failed]]) -> None:
        self.needs, self.builds = graph["needs"], graph["builds"]
        self.steps = steps
        self.carry = carry
        self.waiting = list(steps)
        self.going: List[Step] = []
        self.done: Set[str] = set()
        self.failed: Dict[str, Failed] = {}
        self.most = most_at_once()
        self.changed = threading.Condition()
        # What has the most to come after it goes first: it is what the whole waits for in the end.
        self.ahead: Dict[str, int] = {}
        for step in reversed(steps):
            after = (self.ahead[name] for name in self.ahead if step["name"] in self.needs[name])
            self.ahead[step["name"]] = step["timeout"] + max(after, default=0)

    def run(self) -> Optional[Failed]:
        """Carry them all; returns the first failure, with what became of the others, None where all are done."""
        with self.changed:
            self._start()
            while self.going:
                self.changed.wait()
                self._start()
        return self._ending()

    def _start(self) -> None:
        """Start whatever can be."""
        while True:
            step = self.next_step()
            if step is None:
                return
            self.waiting.remove(step)
            self.going.append(step)
            threading.Thread(target=self._carry_or_die, args=[step], daemon=True).start()

    def next_step(self) -> Optional[Step]:
        """Return the step to start now, None where nothing can start before another has ended."""
        ready = [step for step in self.waiting if self.done.issuperset(self.needs[step["name"]])]
        alone = [step for step in ready if step["reboot"]]
        if alone or any(step["reboot"] for step in self.going):
            return alone[0] if alone and not self.going else None
        fitting = [step for step in ready if self._fits(step)]
        return min(fitting, key=lambda s: (s["name"] in self.builds, -self.ahead[s["name"]]), default=None)

    def _fits(self, step: Step) -> bool:
        """Return whether there are cores, memory and disk for a step beside those that go."""
        builds = step["name"] in self.builds
        # What only downloads, however much of it, does not keep a build from the cores.
        beside = [other for other in self.going if (other["name"] in self.builds) is builds]
        disk = step["disk_gib"] + sum(other["disk_gib"] for other in self.going)
        room = not self.going or disk <= shutil.disk_usage("/").free / 2**30
        return room and len(beside) < (1 if builds else self.most)

    def _carry_or_die(self, step: Step) -> None:
        try:
            self._carry(step)
        except BaseException:  # noqa: BLE001 - of a thread nobody else hears
            # A step of which nobody knows how it ended: as after a kill, the same command goes on from there.
            traceback.print_exc()
            os._exit(1)

    def _carry(self, step: Step) -> None:
        began = time.monotonic()
        failed = self.carry(self._patient(step))
        if failed:
            # Told at once: what does not need it may go on for long.
            with contextlib.suppress(OSError):
                record(
                    {
                        "event": Kind.STEP,
                        "run": failed["run"],
                        "step": step["name"],
                        "state": StepState.FAILED,
                        "seconds": round(time.monotonic() - began, 1),
                        "why": failed["why"],
                    }
                )
        with self.changed:
            self.going.remove(step)
            if failed:
                self.failed[step["name"]] = failed
            else:
                self.done.add(step["name"])
            self.changed.notify()

    def _patient(self, step: Step) -> Step:
        """Return a step with the time that it had if those beside it came before it: it may wait for their apt."""
        name = step["name"]
        beside = (
            other["timeout"]
            for other in self.steps
            if other["name"] not in (name, *self.needs[name]) and name not in self.needs[other["name"]]
        )
        return {**step, "timeout": step["timeout"] + sum(beside)}

    def _ending(self) -> Optional[Failed]:
        if not self.failed:
            return None
        first, *others = self.failed.values()
        left = {event["step"]: f"failed: {event['why']}" for event in others}
        for step in self.waiting:
            lost = [name for name in self.needs[step["name"]] if name in self.failed]
            left[step["name"]] = f"not started: it needs {' and '.join(lost)}"
        if left:
            first["left"] = left
        return first
