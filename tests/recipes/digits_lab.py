"""What the tests of DIGITS' example share: the stand-in's server, and the program as it runs on a host."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "templates" / "recipes" / "digits" / "example"
STAND_IN = ROOT / "rehearsal" / "standins" / "digits"
GPU = Path("/proc/driver/nvidia/gpus").is_dir()


class Server:
    """The stand-in's web application in a process of its own, its jobs in a folder of the test."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.jobs = folder / "jobs"
        self.url = f"http://127.0.0.1:{port}"
        env = {**os.environ, "DIGITS_JOBS_DIR": str(self.jobs), "CAFFE_ROOT": str(folder / "none")}
        words = [sys.executable, "-m", "flask", "--app", "digits.webapp", "run", "--port", str(port)]
        self.process = subprocess.Popen(words, cwd=STAND_IN, env=env, stdout=-3, stderr=-3, start_new_session=True)
        while not self._answers():
            assert self.process.poll() is None
            time.sleep(0.05)

    def get(self, path: str) -> dict[str, Any]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url + path, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _answers(self) -> bool:
        try:
            return bool(self.get("/index/json"))
        except OSError:
            return False


def start(folder: Path, url: str, *words: str, **env: str) -> subprocess.Popen[str]:
    """Start the example in a folder, as `fab example-digits` does; its results go to folder/results."""
    shutil.copytree(EXAMPLE, folder / "example", dirs_exist_ok=True)
    (folder / "results").mkdir(exist_ok=True)
    own = {"GPURIG_RESULTS": str(folder / "results"), "GPURIG_DEVICE": "auto", **env}
    command = [sys.executable, "lenet.py", "--url", url, "--pages", url, "--user", "ada", *words]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=folder / "example", env={**os.environ, **own}, **pipes)


def ended(process: subprocess.Popen[str], code: int) -> str:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == code, out
    assert "Traceback" not in out.split("failed")[0]
    return out
