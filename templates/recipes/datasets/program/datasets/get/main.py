"""Fetch a data set as an order says.

An order: name, place (the folder of all data sets), urls, headers, sums (null, {"single"} or {"text", "origin"}),
unpack, names (in which letters those in archives are, or ""), frugal, parallel, endpoint (of S3; "" for Amazon's own).
It is a file as headers may hold a password.
"""

from __future__ import annotations

import json
from pathlib import Path

from datasets.disk import DISK_FULL, full
from datasets.get.fetch import Fetch
from datasets.messages import Failure, print_failure


def main(path: str) -> int:
    """Fetch; returns the exit code: 1 for what went wrong, 2 for what is wrong with the order."""
    order = json.loads(Path(path).read_text(encoding="utf-8"))
    fetch = Fetch(order)
    try:
        fetch.run()
    except Failure as stop:
        problem = stop
    except OSError as error:
        problem = full(order["place"], "what has arrived is kept") if error.errno in DISK_FULL else Failure(str(error))
    except KeyboardInterrupt:
        return 130
    else:
        return 0
    fetch.ballast.unlink(missing_ok=True)
    print_failure(*problem.lines)
    return problem.code
