"""A question that is asked while something else goes on: who does not want to wait for its answer need not."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

Answer = TypeVar("Answer")


def begin(question: Callable[[], Answer]) -> Future[Answer]:
    """Begin to ask, in a thread that ends with the program; what it raises is raised where the answer is wanted."""
    answer: Future[Answer] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:  # noqa: BLE001 - raised where the answer is wanted
            answer.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    return answer


def drop(answer: Future[Any]) -> None:
    """Close what a question brings that nobody asks any more: once it is there, and nobody waits for that."""

    def close(done: Future[Any]) -> None:
        if done.exception() is None:
            done.result().close()

    answer.add_done_callback(close)
