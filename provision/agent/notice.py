"""What EC2 has told this box of its end, for all that it concerns: the runs, the volume, and whoever asks."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.files import load
from provision.agent.reply import Refused

if TYPE_CHECKING:
    from typing import Optional

    from provision.agent.wire.documents import Ending

NOTICE = Path("/run/gpurig/notice.json")
"""There from EC2's notice on, and gone with the boot."""
WATCH_UNIT = "gpurig-watch.service"
"""What asks EC2 for it."""
WATCH_FILE = Path("/etc/systemd/system") / WATCH_UNIT
WAY = "once it is gone, the next box goes on where this one was: fab resume"


def ending() -> Optional[Ending]:
    """Return when EC2 takes this box, None where it has not said so."""
    found: Optional[Ending] = load(NOTICE)
    return found


def need_future() -> None:
    """Refuse to begin something on a box that EC2 is about to take."""
    notice = ending()
    if notice:
        raise Refused(f"EC2 takes this box at {clock(notice['ends'])}, and its job volume is let go of before", WAY)


def clock(moment: float) -> str:
    """Return a moment in words."""
    return time.strftime("%H:%M:%S UTC", time.gmtime(moment))


def note(log: Path, text: str) -> None:
    """Add a line of gpurig's own to a run's log. A user could have put another thing in its place: that stays as is."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
    file = os.open(log, flags)
    try:
        if stat.S_ISREG(os.fstat(file).st_mode):
            os.write(file, f"gpurig: {text}\n".encode())
    finally:
        os.close(file)
