"""User-data as a box opens it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from provision.agent.paths import GUARD_PROGRAM, MACHINE_HOME

RUN_IT = "exec(packed[0])"


def opened(text: str) -> list[Any]:
    """Return what is packed in a cloud-config: what unpacks it, what forgets another box, the program, the bundle."""
    (words,) = yaml.safe_load(text)["bootcmd"]
    assert words[:3] == ["cloud-init-per", "instance", "gpurig"]
    python, option, code, payload = words[3:]
    assert (python, option) == ("python3", "-c")
    assert code.endswith(RUN_IT)
    show = code.removesuffix(RUN_IT) + "print(json.dumps(packed))"
    done = subprocess.run([sys.executable, option, show, payload], capture_output=True, text=True, check=True)
    packed: list[Any] = json.loads(done.stdout)
    return packed


def unpack(packed: list[Any], root: Path, home: Path) -> None:
    """Do what cloud-init does first of all, with the program's folder at `home` and the files of steps below `root`."""
    code, forget, modules, bundle = packed
    code = code.replace(str(MACHINE_HOME), str(home)).replace(GUARD_PROGRAM, f"{root}{GUARD_PROGRAM}")
    code = code.replace('put(file["path"]', f'put("{root}"+file["path"]')
    packed = [code, forget.replace(str(MACHINE_HOME), str(home)), modules, bundle]
    run = f"import json,sys\npacked=json.loads(sys.argv[1])\n{RUN_IT}"
    subprocess.run([sys.executable, "-c", run, json.dumps(packed)], check=True)
