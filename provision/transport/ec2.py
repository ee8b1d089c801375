"""EC2's client: one per account and region for all hosts, as making one takes a third of a second of work."""

from __future__ import annotations

import functools
import threading
from typing import Any

# Clients may be shared by threads, the sessions that make them may not.
_LOCK = threading.Lock()


def client(profile: str, region: str) -> Any:
    """Return the client of an AWS profile ("": the environment's credentials) and region.

    Raises botocore's `BotoCoreError` where there is no such profile.
    """
    with _LOCK:
        return _made(profile, region)


@functools.cache
def _made(profile: str, region: str) -> Any:
    import boto3  # noqa: PLC0415 - 300 ms that most commands need not pay
    from botocore.config import Config  # noqa: PLC0415

    # Slows all threads down together where the account's calls per second run out: fifty hosts poll at once.
    config = Config(retries={"mode": "adaptive", "max_attempts": 5})
    return boto3.Session(profile_name=profile or None).client("ec2", region_name=region or None, config=config)
