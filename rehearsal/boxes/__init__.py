"""The machine room of the rehearsal cloud: every running instance is a systemd box on this machine.

`Boxes` implements `rehearsal.hypervisor.Hypervisor`; `why_not` says what this machine lacks for it; `sweep` cleans up
after a cloud that was killed.
"""

from __future__ import annotations

from rehearsal.boxes.machines import Boxes
from rehearsal.boxes.needs import why_not
from rehearsal.boxes.releases import sweep

__all__ = ["Boxes", "sweep", "why_not"]
