"""An instance that was made for a box and is not it: `up` says that it is billed, and what ends it."""

from __future__ import annotations

from tests.infra.aws import Aws
from tests.infra.lab import GOOD, Run, run


def test_an_instance_that_no_state_has_is_told_with_the_way_to_end_it(box: Run) -> None:
    (told,) = [message for message in run(GOOD, aws=Aws(instances=("i-0lost",))).messages if "i-0lost" in message]
    assert "billed" in told
    assert "fab orphans --remove" in told
    assert not [message for message in box.messages if "fab orphans" in message]
