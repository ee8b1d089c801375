"""A hold on a running cloud, for those who start it: the rehearsal story and the tests."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearsal.cloud import state as folder
from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION = "us-east-1"
ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 900.0
"""The first start with boxes builds a root file system from the distribution's archive."""
STOP_SECONDS = 900.0
"""Boxes shut down cleanly first, and a slow disk takes minutes to forget the gigabytes of one that had CUDA."""
DIRECT = ("127.0.0.1", "localhost", "198.18.0.0/15", "rehearsal.internal")
"""What belongs to a rehearsal and lies behind no proxy."""


def direct(environment: Mapping[str, str]) -> dict[str, str]:
    """Return `no_proxy`, in both spellings, with what `environment` says there and the rehearsal's own addresses."""
    present = {name: environment.get(name) or environment.get(other, "") for name, other in _SPELLINGS}
    # A lone star means all hosts; in a list some clients take it for a name.
    return {name: "*" if value == "*" else ",".join(filter(None, [value, *DIRECT])) for name, value in present.items()}


_SPELLINGS = (("no_proxy", "NO_PROXY"), ("NO_PROXY", "no_proxy"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cloud:
    """A cloud that answers on `endpoint` and keeps its files in `state`."""

    state: Path
    endpoint: str
    pid: int
    process: subprocess.Popen[bytes] | None = dataclasses.field(default=None, repr=False, compare=False)
    """The daemon, where this process has started it."""

    @classmethod
    def start(cls, state: Path, *, boxes: bool = True, sources: str = "standins") -> Cloud:
        """Start a daemon on `state` and return once it answers; its output goes to `cloud.log` there."""
        state.mkdir(parents=True, exist_ok=True)
        log = state / "cloud.log"
        command = [sys.executable, "-m", "rehearsal.cloud", "--state", str(state), "--sources", sources]
        with log.open("ab") as output:
            # A session of its own: Ctrl-C in the user's terminal must not take the cloud away under a running command.
            process = subprocess.Popen(
                command if boxes else [*command, "--no-boxes"],
                cwd=ROOT,
                # Boxes take their proxies from the daemon's environment, and fetch from the rehearsal's git server.
                env={**os.environ, **direct(os.environ)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        try:
            while time.monotonic() < deadline:
                cloud = cls.find(state)
                if cloud is not None and cloud.pid == process.pid:
                    return dataclasses.replace(cloud, process=process)
                if process.poll() is not None:
                    lines = log.read_text(errors="replace").strip().splitlines()[-5:]
                    raise RehearsalError("the rehearsal cloud did not start: " + " / ".join(lines))
                time.sleep(0.02)
        except KeyboardInterrupt:
            process.terminate()
            raise
        process.terminate()
        raise RehearsalError(f"the rehearsal cloud did not answer within {START_SECONDS:.0f} s; see {log}")

    @classmethod
    def find(cls, state: Path) -> Cloud | None:
        """Return the cloud that runs on `state` and answers, None where there is none."""
        facts = folder.read(state) if folder.held(state) else None
        return cls(state=state, endpoint=facts["endpoint"], pid=facts["pid"]) if facts else None

    @property
    def boxes(self) -> dict[str, Any]:
        """What the machine room says of itself: addresses, the visitor's namespace; empty without boxes."""
        facts: dict[str, Any] = (folder.read(self.state) or {}).get("boxes", {})
        return facts

    @property
    def env(self) -> dict[str, str]:
        """What a client's environment needs so that boto3, the AWS provider and the CLI talk to this cloud only."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            # A link into a bucket is used by boxes, too: they reach S3 where this machine does.
            "AWS_ENDPOINT_URL_S3": (folder.read(self.state) or {}).get("s3", self.endpoint),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service: str, **config: Any) -> Any:
        """Return a boto3 client; `config` goes to `botocore.config.Config`."""
        import boto3  # noqa: PLC0415 - 0.3 s that a caller without clients need not wait
        from botocore.config import Config  # noqa: PLC0415

        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the word every AWS stand-in takes
            config=Config(**{"proxies": {}, "retries": {"mode": "standard", "max_attempts": 3}, **config}),
        )

    def calls(self, action: str | None = None) -> list[dict[str, Any]]:
        """Return the calls so far, oldest first, or those of one action (`RunInstances`)."""
        calls: list[dict[str, Any]] = self._control("GET", "calls")["calls"]
        return [call for call in calls if action in (None, call["action"])]

    def fault(self, action: str, **fault: Any) -> None:
        """Arm a fault; the keywords are the fields of `rehearsal.cloud.faults.Fault`."""
        self._control("POST", "faults", {"action": action, **fault})

    def armed(self) -> int:
        """Return how many faults have not come to their end; one that holds its last call back has."""
        armed: int = self._control("GET", "faults")["armed"]
        return armed

    def disarm(self) -> int:
        """Forget the faults that are armed; returns how many had not come to their end."""
        left: int = self._control("POST", "disarm")["armed"]
        return left

    def quotas(self, **vcpus: float) -> None:
        """Set quotas of EC2 by their codes, with _ for the hyphen: `quotas(L_DB2E81BA=4)`."""
        self._control("POST", "quotas", {code.replace("_", "-"): value for code, value in vcpus.items()})

    def interrupt(
        self, instance_id: str, seconds: float = 120, *, rebalance: bool = False, cause: str = "no-capacity"
    ) -> None:
        """Give a spot instance its notice; EC2 takes it after so many seconds.

        `rebalance`: only recommend to leave it. `cause`: "no-capacity" or "by-price". Raises `RehearsalError` for an
        instance that is no running spot one, or has its notice.
        """
        body = {"instance_id": instance_id, "rebalance": rebalance, "seconds": seconds, "cause": cause}
        self._control("POST", "interrupt", body)

    def load(self, instance_id: str, percent: float) -> None:
        """Say how busy the vCPUs are of an instance without a box, per cent of all; they are wholly busy until then.

        Those of a box are measured. Raises `RehearsalError` where there is no such instance.
        """
        self._control("POST", "load", {"instance_id": instance_id, "percent": percent})

    def spend(self, usd: float, forecast: float | None = None) -> None:
        """Have the account's month have cost so much, and be going to cost `forecast`: what budgets do then is done."""
        self._control("POST", "spend", {"usd": usd, "forecast": forecast})

    def reset(self) -> None:
        """Forget faults, calls and kept answers; what was created stays."""
        self._control("POST", "reset")

    def advance(self, seconds: float) -> float:
        """Move the cloud's clock ahead; return its time, seconds of UTC, once all that became due has happened."""
        moved: float = self._control("POST", "clock", {"advance": seconds}, wait=STOP_SECONDS)["now"]
        return moved

    def stop(self) -> None:
        """Stop the daemon and wait until it has given everything back."""
        if not folder.held(self.state):
            return
        os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while folder.held(self.state):
            if time.monotonic() > deadline:
                raise RehearsalError(
                    f"the rehearsal cloud (process {self.pid}) did not stop within {STOP_SECONDS:.0f} s"
                )
            time.sleep(0.02)
        if self.process is not None:
            self.process.wait()

    def _control(
        self, method: str, name: str, body: dict[str, Any] | None = None, *, wait: float = 10
    ) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - the endpoint is this machine's own
            f"{self.endpoint}/_rehearsal/{name}",
            method=method,
            data=json.dumps(body or {}).encode() if method == "POST" else None,
        )
        try:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=wait) as answer:
                result: dict[str, Any] = json.load(answer)
                return result
        except urllib.error.HTTPError as refused:
            raise RehearsalError(refused.read().decode(errors="replace")) from refused
