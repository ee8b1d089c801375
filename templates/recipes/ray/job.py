"""Give a command to the cluster as a job, show its log, and end as it does: `fab run --ray` runs this on the head.

    job.py COMMAND      a text for bash

The command runs on the head, in this folder and with the run's own environment. The folder goes to the other hosts too,
so that its tasks find its modules there. A request to end (SIGTERM) stops the job. Ends with the command's exit code.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ray.job_submission import JobSubmissionClient

if TYPE_CHECKING:
    from ray.job_submission import JobDetails

ADDRESS = "http://127.0.0.1:8265"
OURS = ("GPURIG_RUN", "GPURIG_RESULTS", "GPURIG_RESUMED", "GPURIG_RESUMES", "PYTHONUNBUFFERED")
AWAY = 120
"""Seconds that a head which does not answer may take to come back."""
PAUSE, LOOK = 1.0, 0.2
STOPPED = 128 + signal.SIGTERM
WAY = "what .gitignore names stays behind, and data belongs into a data set (fab dataset-put)"
NO_HEAD = (
    "the cluster's head does not answer: its log is `journalctl -u gpurig-ray.service`, and fab setup-ray starts it"
)


def script(run: Path, command: str) -> Path:
    """Write what the job runs: Ray starts it with the environment of its own service, which knows no run."""
    lines = ["#!/bin/bash", f"cd {shlex.quote(str(Path.cwd()))} || exit 1"]
    lines += [f"export {name}={shlex.quote(os.environ[name])}" for name in OURS if name in os.environ]
    if (run / "env").is_file():
        lines.append(f". {shlex.quote(str(run / 'env'))}")
    path = run / "job"
    path.touch(mode=0o700)
    path.write_text("\n".join([*lines, command, ""]), encoding="utf-8")
    return path


def running() -> bool:
    """Return whether any task runs in the cluster. Raises what a head that does not answer makes of that."""
    token = Path(os.environ["RAY_AUTH_TOKEN_PATH"]).read_text(encoding="ascii").strip()
    # Ray's own, which is there for as long as the job is, is none.
    wanted = ("state", "=", "RUNNING"), ("name", "!=", "JobSupervisor.run")
    names = ("filter_keys", "filter_predicates", "filter_values")
    asked = [("limit", "1"), *(pair for row in wanted for pair in zip(names, row, strict=True))]
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{ADDRESS}/api/v0/tasks?{urlencode(asked)}", headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - this machine's own
        return bool(json.load(answer)["data"]["result"]["result"])


class Job:
    """A job of the cluster. A request to end counts from the start, also where the job is not there yet."""

    def __init__(self, client: JobSubmissionClient, name: str) -> None:
        self._client, self.name = client, name
        self._shown = 0
        """Characters of its log that came out here."""
        self.asked = False
        """Whether it is to end."""
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True

    async def stop(self) -> None:
        """Once it is to end, have the cluster end it, again and again: an answer may be lost."""
        while True:
            if self.asked:
                with contextlib.suppress(OSError, RuntimeError):
                    await asyncio.to_thread(self._client.stop_job, self.name)
            await asyncio.sleep(LOOK)

    async def hold(self) -> None:
        """While tasks run, on whichever host, have a process here that says so: the guard would stop an idle head."""
        sign: subprocess.Popen[bytes] | None = None
        while True:
            with contextlib.suppress(OSError, RuntimeError, LookupError, TypeError, ValueError):
                if (sign is None or sign.poll() is not None) and await asyncio.to_thread(running):
                    # The guard looks once a minute.
                    sign = subprocess.Popen(["gpurig-cluster", "150"], executable="/bin/sleep")  # noqa: ASYNC220
            await asyncio.sleep(20)

    async def end(self) -> JobDetails:
        """Show the log as it grows, and return what Ray says of the job at its end. Raises `ConnectionError`."""
        beside = [asyncio.create_task(part()) for part in (self.stop, self.hold)]
        try:
            return await self._ended()
        except ConnectionError:
            with contextlib.suppress(OSError, RuntimeError):
                self._client.stop_job(self.name)
            raise
        finally:
            for part in beside:
                part.cancel()

    async def _ended(self) -> JobDetails:
        with contextlib.suppress(Exception):  # its log by another way, below: a web socket that breaks is no end
            async for text in self._client.tail_job_logs(self.name):
                self._show(text)
        until = time.monotonic() + AWAY
        while True:
            try:
                info, log = self._client.get_job_info(self.name), self._client.get_job_logs(self.name)
            except (OSError, RuntimeError) as error:  # `ConnectionError`, or what the head says while it begins
                if time.monotonic() > until:
                    raise ConnectionError(error) from error
            else:
                until = time.monotonic() + AWAY
                self._show(log[self._shown :])
                if info.status.is_terminal():
                    return info
            await asyncio.sleep(PAUSE)

    def _show(self, text: str) -> None:
        self._shown += len(text)
        sys.stdout.write(text)
        sys.stdout.flush()


async def followed(job: Job) -> int:
    """Return the exit code of a job, whose log is shown."""
    try:
        info = await job.end()
    except ConnectionError as error:
        print(f"{NO_HEAD} ({error})", file=sys.stderr)
        return 1
    if info.status == "SUCCEEDED":
        return 0
    if job.asked or info.status == "STOPPED":
        return STOPPED
    code = info.driver_exit_code
    if code is None:
        print(f"the job did not run to its end: {info.message}", file=sys.stderr)
        return 1
    return code if code >= 0 else 128 - code


def main(command: str) -> int:
    """Submit the command, and follow it."""
    run = Path(os.environ["GPURIG_RUN"])
    # A run without a folder of its user's has nothing that others need.
    shared = {} if Path.cwd() == run else {"working_dir": str(Path.cwd())}
    name = f"{run.name}-{time.time_ns() // 10**6}"
    try:
        client = JobSubmissionClient(ADDRESS)
        job = Job(client, name)
        told = {"name": run.name, "command": command}
        client.submit_job(
            entrypoint=f"/bin/bash {shlex.quote(str(script(run, command)))}",
            submission_id=name,
            runtime_env=shared,
            metadata=told,
        )
    except ConnectionError as error:
        sys.exit(f"{NO_HEAD} ({error})")
    except (ValueError, RuntimeError) as error:
        # A folder that is too large among them: the dashboard takes no larger request (DASHBOARD_CLIENT_MAX_SIZE).
        large = f"\n{Path.cwd()} goes to all hosts, and may have 100 MiB when packed: {WAY}" if shared else ""
        sys.exit(f"Ray did not take the job: {error}{large}")
    logging.disable(logging.INFO)  # of how the log comes
    return asyncio.run(followed(job))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
