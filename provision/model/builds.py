"""Where a bucket has kept builds, as `gpurig:builds` and hosts.toml write it: s3://BUCKET/PREFIX."""

from __future__ import annotations

import dataclasses

SCHEME = "s3://"


@dataclasses.dataclass(frozen=True)
class Place:
    """A folder of a bucket."""

    bucket: str
    prefix: str
    """Of all keys: "" or "lab/builds/"."""

    @classmethod
    def read(cls, text: str) -> Place:
        """Read what `provision.model.checks.BUILDS` has let pass."""
        bucket, _, path = text.removeprefix(SCHEME).partition("/")
        path = path.strip("/")
        return cls(bucket, f"{path}/" if path else "")

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")
