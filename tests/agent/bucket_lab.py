"""A bucket that hosts share their kept builds through, and the user of one of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from provision.bundle.kept import names_of
from provision.model.host import Host
from provision.model.target import Target
from provision.transport import builder_key
from provision.transport.builds import Builds
from tests.agent.kept_lab import next_box
from tests.kit.cloud import Wired
from tests.kit.host import Event, Lab

NAME = "lab-builds"
PLACE = f"s3://{NAME}/gpurig"


class Shared:
    """A cloud with that bucket, and a host whose stack names it."""

    def __init__(self, box: Lab, wired: Wired) -> None:
        self.box, self.cloud = box, wired.cloud
        self.s3 = wired.cloud.client("s3")
        self.s3.create_bucket(Bucket=NAME)
        self.trusted: tuple[str, ...] = ()
        """Keys of others that the stack names."""
        self.place = PLACE
        self.account = ""
        self.before_share: Callable[[], object] = lambda: None
        """What happens once the links are made, and before the host has them."""
        self.told: list[str] = []
        """What the last setup told its user."""

    def builds(self, *names: str) -> Builds:
        """Return what a client of the host has to do with kept builds."""
        made = Target(
            mount_point=self.box.target.mount_point,
            builders=self.trusted,
            builds=self.place,
            builds_account=self.account,
        )
        self.told = []
        host = Host(name="box", address="198.51.100.7", target=made, region="us-east-1")
        return Builds(host, self.box.bundle(*names), self._answer, self.told.append)

    def _answer(self, request: Any, _: object) -> Any:
        """Ask the host one question, as `Session.answer` does."""
        if request["verb"] == "share":
            self.before_share()
        (event,) = self.box.ask(**request)
        return event

    def setup(self, *names: str, first: Any = None, **fields: bool) -> list[Event]:
        """Set recipes up as `fab` does; `first`: what happens between the loan and the setup."""
        kept, bundle = self.builds(*names), self.box.bundle(*names)
        begin: dict[str, Any] = {**kept.begin(fresh=fields.get("fresh", False))}
        asked = {key: begin[key] for key in ("fresh", "builders", "builds")}
        events = self.box.ask("apply", bundle, **asked)
        if events[-1]["event"] == "wanted":
            asked["builds"] = kept.lend(events[-1]["entries"])
            if first:
                first()
            events = self.box.ask("apply", bundle, **asked)
        for event in events:
            if event["event"] == "offer":
                kept.keep(event["entries"])
        return events

    def took(self, name: str = "tool", **fields: bool) -> str:
        """Set one recipe up; returns from where its build came."""
        events = self.setup(name, **fields)
        assert events[-1]["event"] == "ready", events
        (done,) = [event for event in events if event.get("step") == name and event.get("state") == "installed"]
        return str(done.get("kept", ""))

    def another_stack(self) -> None:
        """Go on with a box that has nothing of the one before it, no job volume either."""
        next_box(self.box)
        shutil.rmtree(Path(self.box.target.mount_point) / ".gpurig")

    def files(self, name: str = "tool") -> list[str]:
        """Return the files that the bucket has of builds of a recipe, below the prefix."""
        listed = self.s3.list_objects_v2(Bucket=NAME, Prefix=f"gpurig/{name}-").get("Contents", ())
        return [row["Key"].removeprefix("gpurig/") for row in listed]

    def plant(self, name: str = "tool") -> tuple[str, str]:
        """Put a build there that the user has signed, and that is none; returns its name and digest."""
        bundle, digest = self.box.bundle(name), "d" * 64
        build = next(one for one in names_of(bundle) if one.startswith(f"{name}-built-"))
        signature = builder_key.signatures({build: digest}, bundle)[build]
        for file, body in {"index.json": b"", "signature": signature.encode()}.items():
            self.s3.put_object(Bucket=NAME, Key=f"gpurig/{build}/{digest}/{file}", Body=body)
        return build, digest

    def change(self, key: str, change: Any) -> None:
        """Change a file of the bucket, as somebody can who may write there."""
        body = self.s3.get_object(Bucket=NAME, Key=f"gpurig/{key}")["Body"].read()
        self.s3.put_object(Bucket=NAME, Key=f"gpurig/{key}", Body=change(body))
