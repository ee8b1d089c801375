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
    # Not boto3, which is this and a tenth more to import; and here, as most commands need not pay for it.
    import botocore.session  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    # Slows all threads down together where the account's calls per second run out: fifty hosts poll at once.
    config = Config(retries={"mode": "adaptive", "max_attempts": 5})
    session = botocore.session.Session(profile=profile or None)
    return session.create_client("ec2", region_name=region or None, config=config)
