"""The same answer for the same invocation: a client that lost an answer asks again, and nothing is done twice."""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from concurrent.futures import Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT_ANSWERS = 2_000


@dataclasses.dataclass(frozen=True)
class Answer:
    """An HTTP answer, whole."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Answers:
    """Answers by `amz-sdk-invocation-id`, which an SDK keeps through all attempts of one call."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Future[Answer]] = OrderedDict()
        self._lock = threading.Lock()

    def serve(self, invocation: str, act: Callable[[], Answer]) -> tuple[Answer, bool]:
        """Return the answer and whether it is a repetition; a repetition of a call still being done waits for it.

        A refusal is not kept: nothing was done, so that the next attempt may succeed.
        """
        with self._lock:
            future = self._kept.get(invocation)
            if future is not None:
                first = False
            else:
                first, future = True, Future()
                self._kept[invocation] = future
                while len(self._kept) > KEPT_ANSWERS:
                    self._kept.popitem(last=False)
        if not first:
            return future.result(), True
        try:
            answer = act()
        except BaseException as error:
            self._forget(invocation)
            future.set_exception(error)
            raise
        if answer.status >= 300:
            self._forget(invocation)
        future.set_result(answer)
        return answer, False

    def _forget(self, invocation: str) -> None:
        with self._lock:
            self._kept.pop(invocation, None)

    def clear(self) -> None:
        """Forget all answers."""
        with self._lock:
            self._kept.clear()
