"""What half a bench has to write: what is said of files that break the contract, and of what learnt nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provision.model.errors import BadInput, RunFailed
from provision.work.measured import FILE, Half
from tests.kit.bench import GOOD, OTHER, half


def test_a_single_unit_is_all_there_is_to_count(tmp_path: Path) -> None:
    one = half(tmp_path, "cpu", seconds=[2.5], losses=[1.0])
    assert one.median == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unit": "step"}, '"unit" has to be one of epoch, iteration'),
        ({"seconds": []}, '"seconds" has to be a list of numbers above zero'),
        ({"seconds": [1.0, 0]}, '"seconds"'),
        ({"seconds": [1.0, True]}, '"seconds"'),
        ({"error": "small"}, '"error" has to be a number'),
        ({"losses": [1.0]}, '"losses" has to have as many numbers as "seconds"'),
        ({"losses": ["nan"] * 4}, '"losses" has to be a list of numbers'),
        ({"nothing_learnt": 0}, '"nothing_learnt" has to be a number above zero'),
        ({"pictures": 0}, '"pictures" has to be a number above zero'),
        ({"between": [5.0, 4.0]}, '"between" has to be two moments'),
        ({"spent": {"waiting": "long"}}, '"spent.waiting" has to be a number of seconds'),
        ({"others": [{}]}, '"others[0].setting" is missing'),
        ({"others": [{**OTHER, "seconds": [0]}]}, '"others[0].seconds" has to be a list of numbers above zero'),
        ({"seed": "0"}, '"seed" has to be a whole number'),
        ({"data": ""}, '"data" has to be a string that is not empty'),
        ({"versions": {"python": 3}}, '"versions.python" has to be a string'),
        ({"device": "cuda:0"}, '"device" says cuda:0'),
    ],
)
def test_a_file_that_breaks_the_contract_names_key_and_script(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput) as raised:
        half(tmp_path, "cpu", **changes)
    assert said in str(raised.value)
    assert "CPU half" in str(raised.value)
    assert "python lenet.py" in str(raised.value)


def test_a_gpu_half_that_ran_on_the_cpu_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match='GPU half: "device" says cpu'):
        half(tmp_path, "gpu")


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({key: GOOD[key] for key in ("unit", "seconds", "error", "device")}))
    with pytest.raises(BadInput) as raised:
        Half.read(tmp_path / FILE, "cpu", "python lenet.py")
    for key in ("losses", "nothing_learnt", "measure", "seed", "data", "versions"):
        assert f'"{key}" is missing' in str(raised.value)


@pytest.mark.parametrize(("text", "said"), [(None, "was not written"), ("{", "cannot be read"), ("[]", "a table")])
def test_a_file_that_is_none_is_told(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text)
    with pytest.raises(BadInput, match=said):
        Half.read(tmp_path / FILE, "gpu", "python lenet.py")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"losses": [1.0, 2.0, float("nan"), float("nan")]}, "the loss of epoch 3 is nan"),
        ({"losses": [1.0, 2.0, 3.0, float("inf")]}, "the loss of epoch 4 is inf"),
        ({"losses": [1.0, None, None, None]}, "the loss of epoch 2 is nan"),
        ({"error": float("nan")}, "its validation error is nan, and from 0.9 on it has learnt nothing"),
        ({"error": 0.923}, "its validation error is 0.923, and from 0.9 on it has learnt nothing"),
        ({"others": [{**OTHER, "error": 0.9}]}, "batches of 100: its validation error is 0.9, and from"),
        ({"others": [{**OTHER, "losses": [1.0, float("nan")]}]}, "batches of 100: the loss of epoch 2 is nan"),
    ],
)
def test_a_half_that_learnt_nothing_fails_with_what_was_seen(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(RunFailed) as raised:
        half(tmp_path, "cpu", **changes)
    assert said in str(raised.value)
    assert "CPU half" in str(raised.value)
    assert str(tmp_path / "run.log") in str(raised.value)
    assert raised.value.exit_code == 1
