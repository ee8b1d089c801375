"""DIGITS' example where DIGITS, or whatever answers in its place, says something else than "done"."""

from __future__ import annotations

import contextlib
import http.server
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.servers import Handler, serving
from tests.recipes.digits_lab import GPU, ended, start

JOB = "20260102-030405-abcd"
INDEX = {"version": "6.1.1", "jobs_dir": "/jobs/digits", "datasets": [], "models": []}


@contextlib.contextmanager
def scripted(answers: dict[str, tuple[int, object]]) -> Iterator[str]:
    """Serve answers by path: a status, and JSON or text; what is not there is 404."""

    class Scripted(Handler):
        def do_GET(self) -> None:
            status, answer = answers.get(self.path, (404, {"error": {"message": "Job not found"}}))
            body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.answer(status, body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scripted)) as url:
        yield url


CREATE = "/{}/images/classification/json"
DATA_DONE = {"job": {"id": JOB, "status": "Done", "progress": 100}}
DATA: dict[str, tuple[int, object]] = {
    "/login": (200, INDEX),
    CREATE.format("datasets"): (200, {"id": JOB}),
    f"/jobs/{JOB}/table_data/json": (200, DATA_DONE),
}
TABLE = "/jobs/m/table_data/json"
MODEL = {**DATA, CREATE.format("models"): (200, {"id": "m"}), "/models/m/json": (200, {"directory": "/nonexistent"})}
NVIDIA = {"directory": "/nonexistent", "caffe flavor": "NVIDIA"}
RUNNING = {**INDEX, "models": [{"id": "other", "status": "Running"}, {"id": "m", "status": "Waiting"}]}
FRAMEWORK = {"errors": {"framework": ["The framework you choose is not currently supported."]}}


def validated(loss: float, accuracy: float) -> dict[str, object]:
    """Return what DIGITS says of a training that has ended well, as far as it knows."""
    return {"job": {"status": "Done", "progress": 100, "loss (val) last": loss, "accuracy (val) last": accuracy}}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"/login": (200, "<html>hello</html>")}, "is not DIGITS: it says b'<html>hello"),
        ({"/login": (200, {"hello": 1})}, "is not DIGITS: its index holds hello"),
        ({"/login": (200, ["a list"])}, "is not DIGITS"),
        ({"/login": (500, "<html>oops</html>")}, "500 Internal Server Error, <html>oops"),
        ({"/login": (200, INDEX)}, "refuses /datasets/images/classification/json: 404 Not Found, Job not found"),
        ({**DATA, CREATE.format("datasets"): (200, {})}, "made no job and gave no reason"),
        ({**DATA, f"/jobs/{JOB}/table_data/json": (200, {})}, "is unknown and did not change for 0.5 s"),
        ({**DATA, CREATE.format("models"): (400, FRAMEWORK)}, "not currently supported.\nDIGITS started without it"),
        ({**MODEL, TABLE: (200, {"job": {"status": "Aborted"}})}, "somebody has aborted"),
        ({**MODEL, TABLE: (200, {"job": {"status": "Error"}})}, "and in the log of DIGITS itself"),
        ({**MODEL, TABLE: (200, {"job": {"status": "Done"}})}, "was never validated"),
        (
            {**MODEL, TABLE: (200, validated(float("nan"), 0.5))},
            "epoch 10: the loss is nan, and nothing more is learnt",
        ),
        ({**MODEL, TABLE: (200, validated(87.3, 0.1))}, "accuracy 10.00 %, and guessing gives 10 %: it has learnt"),
        ({**MODEL, TABLE: (200, validated(2.3, 0.18))}, "accuracy 18.00 %, and guessing gives 10 %: it has learnt"),
        (
            {**MODEL, TABLE: (200, {"job": {"status": "Waiting"}}), "/index/json": (200, RUNNING)},
            "did not change for 0.5 s; it goes on, and can be aborted there\nit waits for the training of other\n",
        ),
        pytest.param(
            {**MODEL, TABLE: (200, {"job": {"status": "Error"}}), "/models/m/json": (200, NVIDIA)},
            "NVIDIA's Caffe computes on GPUs, and this host has none",
            marks=pytest.mark.skipif(GPU, reason="there is a GPU here"),
        ),
    ],
)
def test_wrong_answers_are_errors_in_words(tmp_path: Path, answers: dict[str, tuple[int, object]], said: str) -> None:
    with scripted({"/index/json": (200, INDEX), **answers}) as url:
        out = ended(start(tmp_path, url, "--per-class", "4", "--patience", "0.5"), 1)
    assert "error: " in out
    assert said in out
    assert not list((tmp_path / "results").iterdir())
