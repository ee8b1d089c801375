"""The same for pyinfra; run by it, with $GPURIG_WORK naming the file of the work."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

from pyinfra.operations import apt, files, server, systemd

WORK = json.loads(Path(os.environ["GPURIG_WORK"]).read_text(encoding="utf-8"))

apt.packages(packages=WORK["packages"], _sudo=True)
for path, content in WORK["files"].items():
    files.put(src=io.StringIO(content), dest=path, mode=WORK["modes"][path], _sudo=True)
for unit in WORK["units"]:
    systemd.service(service=unit, running=True, enabled=True, _sudo=True)
server.shell(commands=WORK["commands"])
