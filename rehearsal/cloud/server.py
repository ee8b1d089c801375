"""The HTTP side of the cloud: moto's application behind a call log, faults, replay, and the control endpoints."""

from __future__ import annotations

import http
import io
import json
import sys
import time
import traceback
import uuid
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from werkzeug.serving import WSGIRequestHandler, make_server

from rehearsal.cloud import calls, clock, quotas, reads, refusals, rights
from rehearsal.cloud.faults import Fault, Faults
from rehearsal.cloud.replay import Answer, Answers
from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from werkzeug.serving import BaseWSGIServer

CONTROL = "/_rehearsal/"
NO_CONTROLS: Mapping[str, Callable[..., dict[str, Any]]] = {}
_EC2_ERROR = (
    "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors><RequestID>{}</RequestID></Response>"
)
_QUERY_ERROR = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error>"
    "<RequestId>{}</RequestId></ErrorResponse>"
)
_SKEW = "rehearsal.skew"
"""In a request's environment: by how many seconds the clock of its answer is ahead of the cloud's."""
_JUDGED = "rehearsal.judged"
"""There as well: what was found of its caller's rights."""
CONTROLS = ("clock", "disarm", "faults", "quotas", "reset")
"""What the front itself answers, by POST."""


class Front:
    """The WSGI application that clients talk to; `application` is what serves AWS calls."""

    def __init__(
        self,
        application: WSGIApplication,
        log: calls.CallLog,
        time: clock.Clock,
        *,
        caller: str,
        controls: Mapping[str, Callable[..., dict[str, Any]]] = NO_CONTROLS,
    ) -> None:
        self._application = application
        self._controls = controls
        self.log = log
        """Every call and its outcome."""
        self._clock = time
        self._caller = caller
        self._faults = Faults()
        self._answers = Answers()
        self._reads = reads.Reads()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        path = environ.get("PATH_INFO", "")
        if path.startswith(CONTROL):
            answer = self._control(environ["REQUEST_METHOD"], path.removeprefix(CONTROL), body)
        elif path.startswith("/moto-api"):
            answer = self._run(environ)
        else:
            answer = self._call(environ, calls.read(environ, body))
        start_response(f"{answer.status} {http.HTTPStatus(answer.status).phrase}", list(answer.headers))
        return [answer.body]

    def _call(self, environ: WSGIEnvironment, call: calls.Call) -> Answer:
        started = time.monotonic()
        fault = self._faults.take(call)
        note = "fault" if fault else ""
        if fault:
            time.sleep(fault.seconds)
            environ[_SKEW] = fault.skew
        answer = self._instead(fault, call) if fault else None
        if answer is None:
            answer, replayed = self._once(environ, call)
            self._reads.note(call, answer)
            note = "replayed" if replayed else note
        judged: rights.Judgement = environ.get(_JUDGED, rights.Judgement())
        note = "denied" if judged.refusal else note
        note = "lost" if fault and fault.lose else note
        seconds = time.monotonic() - started
        self.log.add(call, status=answer.status, seconds=seconds, note=note, wishes=judged.wishes)
        if fault and (fault.lose or fault.cut):
            # Werkzeug takes this for a client that went away, and writes nothing.
            raise ConnectionAbortedError
        return answer

    def _instead(self, fault: Fault, call: calls.Call) -> Answer | None:
        """Return what a fault answers where nothing is done; None where the call is done."""
        if fault.code:
            return error_answer(call, fault.status, fault.code, fault.message or fault.code)
        if fault.cut:
            return Answer(0, (), b"")
        if fault.stale and call.read_only:
            missing = self._reads.not_yet(call)
            return self._reads.before(call) or (error_answer(call, 400, *missing) if missing else None)
        if fault.expired or fault.skew:
            refusal = refusals.skewed(call, fault.skew) if fault.skew else refusals.expired(call)
            return error_answer(call, refusal.status, refusal.code, refusal.message)
        return None

    def _once(self, environ: WSGIEnvironment, call: calls.Call) -> tuple[Answer, bool]:
        invocation = environ.get("HTTP_AMZ_SDK_INVOCATION_ID", "")
        if not invocation or call.read_only:
            return self._do(environ, call), False
        return self._answers.serve(invocation, lambda: self._do(environ, call))

    def _do(self, environ: WSGIEnvironment, call: calls.Call) -> Answer:
        try:
            judged = environ[_JUDGED] = rights.judge(call, environ["wsgi.input"].getvalue(), calls.credential(environ))
            return denied_answer(call, judged.refusal) if judged.refusal else self._run(environ)
        except NotImplementedError:
            return error_answer(call, 501, "NotImplemented", f"the rehearsal cloud does not know {call.action}")
        except RehearsalError as error:
            # Below 500, or SDKs would try again what cannot work on this machine.
            return error_answer(call, 400, type(error).__name__, str(error))
        except Exception as error:  # noqa: BLE001 - whatever broke, the client gets an AWS error and the log the traceback
            traceback.print_exc(file=sys.stderr)
            return error_answer(call, 500, "InternalFailure", f"{type(error).__name__}: {error}")

    def _run(self, environ: WSGIEnvironment) -> Answer:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], _: Any = None, /) -> Any:
            started.append((status, headers))

        result = self._application(environ, start)
        body = b"".join(result)
        getattr(result, "close", lambda: None)()
        status, headers = started[-1]
        return Answer(int(status.split()[0]), tuple(headers), body)

    def _control(self, method: str, name: str, body: bytes) -> Answer:
        match method, name:
            case "GET", "address":
                answer = Answer(200, (("Content-Type", "text/plain"),), f"{self._caller}\n".encode())
            case "GET", "calls":
                answer = _json(200, {"calls": self.log.all()})
            case ("GET", "faults") | ("POST", "faults" | "disarm"):
                answer = self._fault(name if body else "", body)
            case "POST", "clock":
                answer = self._advance(body)
            case "POST", "quotas":
                answer = self._set_quotas(body)
            case "POST", "reset":
                for kept in (self._faults, self._answers, self._reads, self.log):
                    kept.clear()
                answer = _json(200, {})
            case "POST", control if control in self._controls:
                answer = _steer(self._controls[control], body)
            case _:
                known = f"GET address, calls, faults; POST {', '.join(sorted([*CONTROLS, *self._controls]))}"
                answer = _json(404, {"error": f"there is no {method} {CONTROL}{name}; there are {known}"})
        return answer

    def _set_quotas(self, body: bytes) -> Answer:
        try:
            quotas.set_values(json.loads(body))
        except (RehearsalError, TypeError, ValueError) as error:
            return _json(400, {"error": f"not quotas: {error}"})
        return _json(200, {})

    def _fault(self, order: str, body: bytes) -> Answer:
        """Arm a fault, disarm all, or tell how many are armed: what there was before."""
        armed = self._faults.armed()
        try:
            if order == "faults":
                self._faults.arm(Fault(**json.loads(body)))
            elif order:
                self._faults.clear()
        except TypeError as error:
            return _json(400, {"error": f"not a fault: {error}"})
        return _json(200, {"armed": armed})

    def _advance(self, body: bytes) -> Answer:
        try:
            return _json(200, {"now": self._clock.advance(float(json.loads(body)["advance"]))})
        except (RehearsalError, KeyError, TypeError, ValueError) as error:
            return _json(400, {"error": f'not a step of the clock, {{"advance": seconds}}: {error}'})


def _steer(control: Callable[..., dict[str, Any]], body: bytes) -> Answer:
    """Call what a control's body gives the arguments of."""
    try:
        return _json(200, control(**json.loads(body)))
    except (TypeError, RehearsalError) as error:
        return _json(400, {"error": str(error)})


def _json(status: int, document: dict[str, Any]) -> Answer:
    return Answer(status, (("Content-Type", "application/json"),), json.dumps(document).encode())


def error_answer(call: calls.Call, status: int, code: str, message: str) -> Answer:
    """Refuse a call in the words of its protocol."""
    if call.speaks_json:
        body, kind = json.dumps({"__type": code, "message": message}), "application/x-amz-json-1.1"
    else:
        template = _EC2_ERROR if call.service == "ec2" else _QUERY_ERROR
        body, kind = template.format(escape(code), escape(message), uuid.uuid4()), "text/xml"
    return Answer(status, (("Content-Type", kind), ("x-amzn-ErrorType", code)), body.encode())


def denied_answer(call: calls.Call, message: str) -> Answer:
    """Refuse a call that its caller has no right to, as the service does."""
    if call.service == "ec2":
        return error_answer(
            call, 403, "UnauthorizedOperation", f"You are not authorized to perform this operation. {message}"
        )
    if call.is_json:
        status = 403 if call.service in calls.REST_JSON else 400
        return error_answer(call, status, "AccessDeniedException", message)
    return error_answer(call, 403, "AccessDenied", message)


class _Handler(WSGIRequestHandler):
    disable_nagle_algorithm = True  # headers and body are two writes

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Leave it to the call log."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the header Date by the cloud's clock."""
        skew: float = self.environ.get(_SKEW, 0.0)
        return super().date_time_string(clock.now() + skew if timestamp is None else timestamp)

    def connection_dropped(self, *_: Any) -> None:
        """Close the connection, which would otherwise wait for the client's next request."""
        self.close_connection = True


def listen(front: WSGIApplication, address: str = "127.0.0.1") -> BaseWSGIServer:
    """Bind a free port of an address; a thread for each request."""
    return make_server(address, 0, front, threaded=True, request_handler=_Handler)
