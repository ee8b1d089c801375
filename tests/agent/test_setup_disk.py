"""A disk that is full before, during or after a step: it is said, and nothing counts that is not whole."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.agent.disks import mounted
from tests.kit.host import Lab


@contextlib.contextmanager
def small_disk(lab: Lab) -> Iterator[None]:
    """Give the runner a disk of 8 MiB."""
    lab.home.mkdir()
    with mounted(lab, lab.home, "8m"):
        yield


def test_a_full_disk_is_said_and_nothing_is_lost(lab: Lab) -> None:
    lab.recipe("base")
    # Last lines that need more room than the journal's last block may have left.
    fill = """for i in {1..20}; do printf '%400d\\n' $i; done; cat /dev/zero > "$GPURIG_HOME/filler\""""
    lab.recipe("tool", 'needs = ["base"]', body=f"[ -e cleaned ] || {{ {fill}; }}")
    with small_disk(lab):
        failed = lab.ask("apply", lab.bundle("tool"))[-1]
        assert (failed["event"], failed["step"]) == ("failed", "tool")
        assert failed["why"] == f"exit code 1; the disk that holds {lab.home} is full"
        assert failed["tail"][0].split() in (["1"], ["2"])
        assert lab.marked() == {"base"}
        (lab.home / "filler").unlink()
        (lab.world / "cleaned").touch()
        assert lab.ask("apply", lab.bundle("tool"))[-1]["event"] == "ready"
        assert lab.runs("base") == 1


def test_a_disk_that_fills_while_a_step_succeeds_never_makes_it_count(lab: Lab) -> None:
    fill = 'cat /dev/zero > "$GPURIG_HOME/filler" 2>/dev/null || true'
    lab.recipe("tool", body=fill)
    with small_disk(lab):
        failed = lab.ask("apply", lab.bundle("tool"))[-1]
        assert (failed["event"], failed["step"]) == ("failed", "tool")
        assert failed["why"].endswith("is full")
        assert lab.marked() == set()
        lab.journal()  # every line is whole


def fill(lab: Lab) -> None:
    """Leave no byte on the runner's disk."""
    with (lab.home / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(2**16)):
            pass


def test_a_full_disk_keeps_nobody_from_hearing_that_all_is_there(lab: Lab) -> None:
    lab.recipe("tool")
    with small_disk(lab):
        assert lab.ask("apply", lab.bundle("tool"))[-1]["event"] == "ready"
        fill(lab)
        assert [event["event"] for event in lab.ask("apply", lab.bundle("tool"))] == ["unchanged"]


def test_a_disk_that_was_full_before_is_said_by_the_first_answer(lab: Lab) -> None:
    lab.recipe("tool")
    with small_disk(lab):
        fill(lab)
        with lab.client("apply", lab.bundle("tool")) as client:
            said = client.process.communicate()[1]
        assert client.process.returncode == 1
        assert said.startswith("gpurig: [Errno 28] No space left on device")
        assert "Traceback" not in said
