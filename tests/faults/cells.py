"""Faults and moments: what goes wrong, when, and where that makes no sense, why."""

from __future__ import annotations

import dataclasses

from tests.faults import conditions, strikes
from tests.faults.strikes import Strike

FOREVER = 1000
"""More calls than any command makes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong."""

    strike: Strike
    passes: bool | None = None
    """Whether the command has to get over it by itself, or cannot; None: either."""
    says: str = ""
    """What `fab` has to say where it does not get over it."""


FAULTS = {
    "throttled": Fault(
        strike=strikes.of_aws(code="RequestLimitExceeded", status=503, message="Request limit exceeded.", times=3),
        passes=True,
    ),
    "throttled on": Fault(
        strike=strikes.of_aws(
            code="RequestLimitExceeded", status=503, message="Request limit exceeded.", times=FOREVER
        ),
        passes=False,
        says="the same command",
    ),
    "error 500": Fault(
        strike=strikes.of_aws(
            code="InternalError", status=500, message="An internal error has occurred", times=FOREVER
        ),
        passes=False,
        says="the same command",
    ),
    "cut before": Fault(strike=strikes.of_aws(cut=True, times=FOREVER), passes=False, says="the same command"),
    "cut after": Fault(strike=strikes.of_aws(lose=True, times=FOREVER), passes=False, says="the same command"),
    "stale reads": Fault(strike=strikes.of_aws("Describe*", stale=True, times=30)),
    "expired": Fault(strike=strikes.of_aws("*", expired=True, times=FOREVER), passes=False, says="log in again"),
    "clock wrong": Fault(strike=strikes.of_aws("*", skew=3600.0, times=FOREVER), passes=False, says="clock"),
    "killed": Fault(strike=strikes.killed, passes=False),
    "ssh cut": Fault(strike=strikes.ssh_cut, passes=True),
    "rebooted": Fault(strike=strikes.rebooted),
    "power cut": Fault(strike=strikes.power_cut),
    "runner killed": Fault(strike=strikes.runner_killed, passes=False),
    "disk full": Fault(strike=conditions.full),
    "laptop full": Fault(strike=conditions.laptop_full, passes=False),
    "inodes gone": Fault(strike=conditions.inodes_gone),
    "volume full": Fault(strike=conditions.volume_full),
    "volume inodes": Fault(strike=conditions.volume_inodes_gone),
    "dns gone": Fault(strike=conditions.no_names),
    "apt locked": Fault(strike=conditions.apt_locked, passes=True),
    "corrupt file": Fault(strike=conditions.corrupt, passes=False),
    "cut file": Fault(strike=conditions.cut),
    "endless file": Fault(strike=conditions.endless, passes=False),
    "cloud-init 1": Fault(strike=conditions.cloud_init_fails, passes=True),
    "cloud-init 2": Fault(strike=conditions.cloud_init_degraded, passes=True),
}

OF_AWS = ("throttled", "throttled on", "error 500", "cut before", "cut after", "stale reads", "expired", "clock wrong")
OF_BOX = ("ssh cut", "rebooted", "power cut", "runner killed")
OF_DISK = ("disk full", "laptop full", "inodes gone", "volume full", "volume inodes", "dns gone")
OF_SETUP = ("apt locked", "corrupt file", "cut file", "endless file")
OF_FIRST_BOOT = ("cloud-init 1", "cloud-init 2")
ACCOUNT = ("up", "destroy")
NO_SENSE: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = (
    (OF_AWS, ("setup", "run", "fetch"), "AWS is asked only where a box is, which is `find`"),
    (("cut after",), ("find",), "a question has no effect"),
    (("killed",), ("find",), "a question has no middle"),
    (OF_BOX + OF_DISK, ACCOUNT, "what there is of a box is being made or ended by AWS"),
    (OF_BOX + OF_DISK, ("find",), "the question goes to AWS"),
    (OF_BOX, ("stop",), "AWS switches the box off whatever it does"),
    (("ssh cut", "runner killed"), ("start", "resume"), "no connection and no runner is there in the middle of a boot"),
    (("rebooted", "power cut"), ("resume",), "its boot is that of `start`"),
    (("runner killed",), ("fetch",), "nothing runs on the box for it but the connection"),
    (("laptop full",), ("setup", "run", "stop", "start", "resume"), "nothing is written to the laptop's disk"),
    (OF_DISK, ("stop", "start", "resume"), "the box is off, or goes off; what runs there meets it at `run`"),
    (("disk full", "inodes gone"), ("fetch",), "nothing is written to the box's disk"),
    (
        OF_FIRST_BOOT,
        (*ACCOUNT, "run", "fetch", "find", "stop", "start", "resume"),
        "cloud-init acts on a first boot alone, which `up` does not wait for and a setup has to make good",
    ),
    (OF_SETUP, (*ACCOUNT, "run", "fetch", "find", "stop", "start", "resume"), "only a setup installs and downloads"),
)
"""Faults, moments, and why there is no cell."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """One fault at one moment."""

    fault: str
    moment: str

    def __str__(self) -> str:
        return f"{self.fault} at {self.moment}".replace(" ", "-")


def why_not(fault: str, moment: str) -> str:
    """Return why there is no such cell; "" where there is."""
    return next((why for faults, moments, why in NO_SENSE if fault in faults and moment in moments), "")


def cells(*moments: str) -> list[Cell]:
    """Return the cells of these moments; of two that make and unmake the same, one follows the other."""
    return [Cell(fault, moment) for fault in FAULTS for moment in moments if not why_not(fault, moment)]
