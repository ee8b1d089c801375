"""After how long without work AWS's own alarm stops a box: the program makes it, `fab` tells of it."""

from __future__ import annotations

MARGIN = 360
"""Minutes without work beyond `idleStopMinutes`: the box itself knows much better, and is waited for."""
SHORT, LONG = 5, 60
"""Minutes of a period. EC2 measures every five; a window of more than a day needs periods of an hour at least."""
DAY, WEEK = 1440, 10080
"""Minutes: the longest windows of an alarm with short and with long periods (PutMetricAlarm, `Period`)."""


def window(idle_stop_minutes: int) -> int:
    """Return after how many minutes the alarm acts; 0: there is none, as the box never stops or an alarm cannot wait.

    A window that is longer than a week is more than CloudWatch has: the box would be stopped before its own time.
    """
    wanted = idle_stop_minutes + MARGIN
    period = SHORT if wanted <= DAY else LONG
    rounded = -(-wanted // period) * period
    return rounded if idle_stop_minutes and rounded <= WEEK else 0
