"""The provider that is in the engine itself, "pulumi": values stashed in the state, and what this run has made so far.

As pulumi/pulumi, pkg/resource/deploy/builtins.go has them; what else is built in there (stack references) is not here.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from pulumi.runtime.proto import provider_pb2 as pb

from rehearsal.engine.errors import EngineError, ProviderError, Unsupported
from rehearsal.engine.provider import Diff, Provider
from rehearsal.engine.wire import to_struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.engine.resource import Resource
    from rehearsal.engine.wire import Properties

PACKAGE = "pulumi"
GET_RESOURCE = "pulumi:pulumi:getResource"
_STASH = "pulumi:index:Stash"


class Builtin(Provider):
    """A provider without a process. Of a stash the first value stays the output, whatever its input becomes."""

    def __init__(self) -> None:
        """Start nothing."""

    def check_config(self, urn: str, olds: Properties, news: Properties) -> Properties:  # noqa: ARG002 - a provider's form
        """Take a configuration as it is: there is none."""
        return news

    def diff_config(self, urn: str, olds: Properties, news: Properties) -> Diff:  # noqa: ARG002
        """Find no change."""
        return Diff(changes=False)

    def configure(self, inputs: Properties) -> None:
        """Do nothing."""

    def check(self, urn: str, olds: Properties, news: Properties, seed: bytes) -> Properties:  # noqa: ARG002
        """Take the inputs of a stash. Raises `Unsupported` for another type."""
        kind, name = urn.split("::")[2].rsplit("$", 1)[-1], urn.rsplit("::", 1)[-1]
        if kind != _STASH:
            raise Unsupported(f"the type {kind}")
        if set(news) != {"input"}:
            wrong = next((f'unknown property "{key}"' for key in news if key != "input"), "missing required property")
            raise ProviderError(f"{kind} resource '{name}': property input has a problem: {wrong}")
        return news

    def diff(self, old: Resource, news: Properties, ignore: tuple[str, ...]) -> Diff:  # noqa: ARG002
        """Compare the inputs."""
        same = old.inputs.get("input") == news.get("input")
        return Diff(changes=not same, changed=() if same else ("input",))

    def create(self, new: Resource, *, preview: bool) -> tuple[str, Properties]:
        """Keep a value."""
        value = new.inputs["input"]
        return "" if preview else str(uuid.uuid4()), {"input": value, "output": value}

    def update(self, old: Resource, new: Resource, *, preview: bool) -> Properties:  # noqa: ARG002 - a provider's form
        """Note the new input; the output stays."""
        return {"input": new.inputs["input"], "output": old.outputs["output"]}

    def delete(self, old: Resource) -> None:
        """Let go of it."""

    def read(self, old: Resource) -> tuple[str, Properties, Properties]:
        """Give it as it is: it is nowhere but in the state."""
        return old.id, old.inputs, old.outputs

    def invoke(self, token: str, args: Properties, *, preview: bool) -> Any:  # noqa: ARG002
        """Raise: the one function that is here (`get_resource`) needs to know the run."""
        raise EngineError(f"unrecognized function name: '{token}'")


def get_resource(args: Properties, news: Mapping[str, Resource]) -> Any:
    """Answer what this run has made of a resource. Raises `EngineError` where it has not registered it."""
    found = news.get(args["urn"])
    if found is None:
        raise EngineError(f"unknown resource {args['urn']}")
    said = {"urn": found.urn, "id": found.id, "provider": found.provider, "state": found.outputs}
    return pb.InvokeResponse(**{"return": to_struct(said)})
