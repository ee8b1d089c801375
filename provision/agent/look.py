"""How the steps of a bundle are: each verified, all at once; and a look that begins before anybody has asked for it."""

from __future__ import annotations

import contextlib
import json
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.events import end_of_journal
from provision.agent.facts import boot_id
from provision.agent.files import load, locked
from provision.agent.paths import BUNDLE, HOME
from provision.agent.steps import open_bundle, state_of, unpack
from provision.agent.words import StepState

if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from provision.agent.wire.documents import Bundle, Step

LOOKED = HOME / "looked.json"
EARLY_SECONDS = 10
"""How old an early look may be when it is asked for: a client that asks its user something first may take minutes."""


class Early:
    """A look at the bundle that this box has, while the client still makes out what to ask for."""

    def __init__(self) -> None:
        self.began, self._journal = time.monotonic(), end_of_journal()
        self._bundle = open_bundle(BUNDLE.read_text(encoding="utf-8"))
        self._states: Optional[Dict[str, StepState]] = None
        # Not a daemon: where nobody asks for it, this program ends once the scripts have, and their folder is removed.
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        with contextlib.suppress(OSError):  # whoever asks looks himself, and says what is wrong
            self._states = _look_at(self._bundle)

    def states(self, bundle: Bundle) -> Optional[Dict[str, StepState]]:
        """Return what it saw of a bundle, None where that does not say how it is now."""
        if bundle["digest"] != self._bundle["digest"] or time.monotonic() > self.began + EARLY_SECONDS:
            return None
        self._thread.join()
        # A setup that has been at work since has written to the journal.
        return self._states if end_of_journal() == self._journal and not locked("alive.lock") else None


_early: List[Early] = []


def begin() -> None:
    """Begin to look, where there is a bundle and no setup is at work."""
    with contextlib.suppress(OSError):
        if not locked("alive.lock"):
            _early.append(Early())


def shared_states(bundle: Bundle, asked: float, *, fresh: bool) -> Dict[str, StepState]:
    """Return each step's state.

    Of many who ask at once each would look, one after the other: who `asked` before a look began takes what it found.
    """
    looked: Dict[str, Any] = load(LOOKED) or {}
    key = {"digest": bundle["digest"], "boot": boot_id()}
    if not fresh and looked.items() >= key.items() and looked["began"] > asked:
        return dict(looked["states"])
    began, states = _seen(bundle)
    if not fresh and set(states.values()) <= {StepState.PRESENT}:
        with contextlib.suppress(OSError):  # on a full disk each looks, as one that asks alone does
            LOOKED.write_text(json.dumps({**key, "began": began, "states": states}), encoding="ascii")
    return states


def states_of(bundle: Bundle) -> Dict[str, StepState]:
    """Return each step's state."""
    return _seen(bundle)[1]


def _seen(bundle: Bundle) -> Tuple[float, Dict[str, StepState]]:
    """Return when a look began and what it saw: the early one where there was one that holds, else one that is made."""
    early = _early.pop() if _early else None
    states = early.states(bundle) if early else None
    if early and states is not None:
        return early.began, states
    return time.monotonic(), _look_at(bundle)


def _look_at(bundle: Bundle) -> Dict[str, StepState]:
    """Look; all verify at once, in a folder of their own: a setup may be using ours."""
    states: Dict[str, StepState] = {}
    errors: List[OSError] = []

    def look(step: Step) -> None:
        try:
            states[step["name"]] = state_of(step, Path(folder))
        except OSError as error:
            errors.append(error)

    with tempfile.TemporaryDirectory(prefix="gpurig-") as folder:
        unpack(bundle, Path(folder))
        looks = [threading.Thread(target=look, args=[step]) for step in bundle["steps"]]
        for thread in looks:
            thread.start()
        for thread in looks:
            thread.join()
    for error in errors:
        raise error
    return {step["name"]: states[step["name"]] for step in bundle["steps"]}
