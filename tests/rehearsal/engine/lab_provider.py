"""A provider plugin of the package ``lab`` whose cloud is a folder, for the engine's tests.

``$LAB_DIR/objects/ID.json`` is an object that exists, ``$LAB_DIR/calls.jsonl`` is what was asked, and
``$LAB_DIR/rules.json`` says what goes wrong: a list of rules, each with the `method` and `name` that it is for (any
where not said; not previews) and with `error` (a message), `delay` (seconds), `kill` (end the engine "before" or
"after" the effect) or `unwell` (the object is made, but reported as failed to start).
A property whose name begins with ``fixed`` cannot be changed in place; ``dbr`` asks to delete before replacing.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import uuid
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.proto import provider_pb2 as pb

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def _plain(message: struct_pb2.Struct) -> dict[str, Any]:
    value: dict[str, Any] = json_format.MessageToDict(message)
    return value


def _struct(value: dict[str, Any]) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(value)
    return message


def _abort_unwell(context: Any, detail: pb.ErrorResourceInitFailed) -> None:
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message="resource is unwell")
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, status.message)


class Lab(provider_pb2_grpc.ResourceProviderServicer):
    """Objects in a folder, and faults on request."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.lock = threading.Lock()
        self.config: dict[str, Any] = {}
        (home / "objects").mkdir(parents=True, exist_ok=True)

    def _path(self, ident: str) -> Path:
        return self.home / "objects" / f"{ident}.json"

    def _log(self, method: str, request: Any, **extra: Any) -> list[dict[str, Any]]:
        """Record one call; give the rules that apply to it."""
        name = request.urn.rsplit("::", 1)[-1]
        with self.lock:
            line = {"method": method, "name": name, "pid": os.getpid(), **extra}
            with (self.home / "calls.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
        rules_file = self.home / "rules.json"
        rules = json.loads(rules_file.read_text()) if rules_file.exists() else []
        wanted = {"method": method, "name": name, "preview": getattr(request, "preview", False)}
        return [r for r in rules if all({**wanted, "preview": False, **r}[k] == v for k, v in wanted.items())]

    @staticmethod
    def _apply(rules: list[dict[str, Any]], when: str, context: Any) -> None:
        for rule in rules:
            if when == "before":
                time.sleep(rule.get("delay", 0))
            if rule.get("kill") == when:
                os.kill(os.getppid(), signal.SIGKILL)
                os._exit(9)
            if when == "before" and "error" in rule:
                context.abort(grpc.StatusCode.UNKNOWN, rule["error"])

    def Handshake(self, _request: Any, _context: Any) -> pb.ProviderHandshakeResponse:  # noqa: N802
        return pb.ProviderHandshakeResponse()

    def GetPluginInfo(self, _request: Any, _context: Any) -> plugin_pb2.PluginInfo:  # noqa: N802
        return plugin_pb2.PluginInfo(version="1.0.0")

    def CheckConfig(self, request: Any, context: Any) -> pb.CheckResponse:  # noqa: N802
        self._apply(self._log("CheckConfig", request), "before", context)
        return pb.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, _context: Any) -> pb.DiffResponse:  # noqa: N802
        return self._diff(request)

    def Configure(self, request: Any, _context: Any) -> pb.ConfigureResponse:  # noqa: N802
        self.config = _plain(request.args)
        with self.lock, (self.home / "configured.jsonl").open("a") as log:
            log.write(json.dumps({"pid": os.getpid(), **self.config}) + "\n")
        return pb.ConfigureResponse(supportsPreview=True)

    def Cancel(self, _request: Any, _context: Any) -> empty_pb2.Empty:  # noqa: N802
        with (self.home / "cancelled").open("w"):
            return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> pb.InvokeResponse:  # noqa: N802
        args = _plain(request.args)
        with self.lock, (self.home / "invokes.jsonl").open("a") as log:
            log.write(json.dumps({"tok": request.tok, "args": args, "region": self.config.get("region")}) + "\n")
        if request.tok == "lab:index:refuse":
            failure = pb.CheckFailure(property="word", reason="not that word")
            return pb.InvokeResponse(failures=[failure])
        if request.tok == "lab:index:crash":
            context.abort(grpc.StatusCode.UNKNOWN, "no such function")
        answer = pb.InvokeResponse()
        getattr(answer, "return").update({**args, "region": self.config.get("region", "nowhere")})
        return answer

    def Check(self, request: Any, context: Any) -> pb.CheckResponse:  # noqa: N802
        rules = self._log("Check", request)
        self._apply(rules, "before", context)
        news = _plain(request.news)
        if news.get("size") == "huge":
            return pb.CheckResponse(failures=[pb.CheckFailure(property="size", reason="expected a number")])
        return pb.CheckResponse(inputs=_struct({"size": 1, **news}))

    @staticmethod
    def _diff(request: Any) -> pb.DiffResponse:
        olds, news = _plain(request.old_inputs), _plain(request.news)
        changed = sorted(k for k in {*olds, *news} if olds.get(k) != news.get(k))
        replaces = [k for k in changed if k.startswith("fixed")]
        kind = pb.PropertyDiff.Kind
        detail = {
            k: pb.PropertyDiff(kind=kind.UPDATE_REPLACE if k in replaces else kind.UPDATE, inputDiff=True)
            for k in changed
        }
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if changed else pb.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            deleteBeforeReplace=bool(news.get("dbr")),
            detailedDiff=detail,
            hasDetailedDiff=True,
        )

    def Diff(self, request: Any, context: Any) -> pb.DiffResponse:  # noqa: N802
        self._apply(self._log("Diff", request), "before", context)
        return self._diff(request)

    def Create(self, request: Any, context: Any) -> pb.CreateResponse:  # noqa: N802
        rules = self._log("Create", request, preview=request.preview, timeout=request.timeout)
        self._apply(rules, "before", context)
        inputs = _plain(request.properties)
        if request.preview:
            return pb.CreateResponse(properties=_struct({**inputs, "serial": UNKNOWN}))
        ident = f"{request.urn.rsplit('::', 1)[-1]}-{uuid.uuid4().hex[:8]}"
        self._path(ident).write_text(json.dumps(_plain(request.properties)))
        self._apply(rules, "after", context)
        outputs = _struct(self._outputs(ident, inputs))
        for rule in rules:
            if "unwell" in rule:
                _abort_unwell(
                    context, pb.ErrorResourceInitFailed(id=ident, properties=outputs, reasons=[rule["unwell"]])
                )
        return pb.CreateResponse(id=ident, properties=outputs)

    @staticmethod
    def _outputs(ident: str, inputs: dict[str, Any]) -> dict[str, Any]:
        return {**inputs, "serial": f"serial-{ident}"}

    def Update(self, request: Any, context: Any) -> pb.UpdateResponse:  # noqa: N802
        rules = self._log("Update", request, preview=request.preview, ignored=list(request.ignoreChanges))
        self._apply(rules, "before", context)
        inputs = _plain(request.news)
        if not request.preview:
            self._path(request.id).write_text(json.dumps(_plain(request.news)))
            self._apply(rules, "after", context)
        return pb.UpdateResponse(properties=_struct(self._outputs(request.id, inputs)))

    def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        rules = self._log("Delete", request, id=request.id)
        self._apply(rules, "before", context)
        self._path(request.id).unlink(missing_ok=True)
        self._apply(rules, "after", context)
        return empty_pb2.Empty()

    def Read(self, request: Any, context: Any) -> pb.ReadResponse:  # noqa: N802
        self._apply(self._log("Read", request), "before", context)
        path = self._path(request.id)
        if not path.exists():
            return pb.ReadResponse()
        inputs = json.loads(path.read_text())
        outputs = self._outputs(request.id, inputs)
        return pb.ReadResponse(id=request.id, inputs=_struct(inputs), properties=_struct(outputs))


def main() -> None:
    """Serve on a free port, print it, and end with the engine (its end of our standard input closes)."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Lab(Path(os.environ["LAB_DIR"])), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(grace=None)


if __name__ == "__main__":
    main()
