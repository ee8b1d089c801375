"""What counts as use of a box. Each figure is the mean of a minute, from which on something counts; but `terminal`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BUSY: Mapping[str, float] = {
    # Minutes for which a terminal counts after its last key: long enough to read what it shows.
    "terminal": 30,
    # % of a core that a run computes. A notebook server or TensorBoard that nobody looks at takes 1 to 3, a training
    # that waits for a lock or a peer 0; one that feeds a GPU never less than 5.
    "run": 5,
    # % of a core that the whole box computes, whatever it is: half a core. A desktop's, an editor's and AWS's own
    # services take 2 to 20 together.
    "cpu": 50,
    # % of a GPU. A desktop or an idle CUDA context shows 0 to 2.
    "gpu": 5,
    # kB/s that the disks read and write: a copy or an unpacking makes thousands, journals and a log line a second 4 to
    # 50.
    "disk": 100,
    # kB/s of all interfaces. The slowest download that is worth waiting for makes 36 MB an hour; what AWS's agent,
    # NTP and idle connections send is below 2.
    "network": 10,
    # kB/s that an SSH connection without a terminal carries (tunnel, editor, rsync): the page of a notebook or an
    # editor that is just open sends 0.1 to 1, one that is worked with more than 2.
    "connection": 2,
}
BEFORE_STOP_MINUTES = 10
"""How long a command of the user's may take before the box stops."""
