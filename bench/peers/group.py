"""Fabric's own group of hosts, a thread each, which run `true`: what `fab ssh --command true` is measured beside."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import fabric

if __name__ == "__main__":
    work = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    hosts = [
        fabric.Connection(row["address"], user=row["user"], connect_kwargs={"key_filename": work["key"]})
        for row in work["hosts"]
    ]
    fabric.ThreadingGroup.from_connections(hosts).run("true", hide=True, in_stream=False)
