"""`fab logs` shows a log as it comes: of one that has gigabytes, no more than a part is ever held."""

from __future__ import annotations

import pytest

from provision.tasks.verbs.logs import PART, in_parts


def test_what_has_come_is_shown_before_all_of_it_has() -> None:
    shown: list[str] = []
    lines = [f"{number}" * 50 for number in range(2_000)]
    with in_parts(shown.append) as take:
        for line in lines:
            take(line)
        held = len("\n".join(lines)) - len("\n".join(shown))
    assert len(shown) > 2
    assert held <= PART
    assert "\n".join(shown) == "\n".join(lines)


def test_where_it_breaks_off_what_has_come_is_shown() -> None:
    shown: list[str] = []
    with pytest.raises(ConnectionError), in_parts(shown.append) as take:
        take("epoch 1")
        raise ConnectionError
    assert shown == ["epoch 1"]


def test_of_an_empty_log_nothing_is() -> None:
    shown: list[str] = []
    with in_parts(shown.append):
        pass
    assert shown == []
