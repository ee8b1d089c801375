"""``python -m rehearsal.engine VERB...``."""

from __future__ import annotations

from rehearsal.engine.cli import main

main()
