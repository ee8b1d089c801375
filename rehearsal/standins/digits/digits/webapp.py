"""The pages, and DIGITS' REST interface for image classification, on the packages that DIGITS itself is pinned to."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import flask

from digits import __version__, jobs

NOTICE = "This is a STAND-IN for NVIDIA DIGITS: in place of networks it trains a softmax regression."
PAGE = """<!doctype html>
<title>DIGITS (stand-in)</title>
<h1>DIGITS <small>(stand-in)</small></h1>
<p><strong>{{ notice }}</strong></p>
<p>Caffe: {{ caffe }}<br>Jobs in {{ jobs_dir }}:</p>
<ul>{% for job in jobs %}<li>{{ job.id }} {{ job.name }} {{ job.status }} {{ job.outputs or "" }}</li>
{% else %}<li>none yet</li>{% endfor %}</ul>
"""
KINDS = {"datasets": "dataset", "models": "model"}

app = flask.Flask(__name__)
app.config["JOBS_DIR"] = Path(os.environ.get("DIGITS_JOBS_DIR", "jobs")).resolve()


def caffe() -> str:
    """Return what the Caffe at CAFFE_ROOT says of itself, looked up as DIGITS does: its tool and its Python module."""
    root = Path(os.environ.get("CAFFE_ROOT", "/nonexistent"))
    try:
        sys.path.insert(0, str(root / "python"))
        version = importlib.import_module("caffe").__version__
        tool = [str(root / "build/tools/caffe"), "--version"]
        output = subprocess.run(tool, stdout=subprocess.PIPE, check=True, timeout=20).stdout
    except (ImportError, OSError, subprocess.SubprocessError) as error:
        return f"not found ({error})"
    return f"module {version}; {output.decode().strip()}"


CAFFE = caffe()


def _page(shown: list[dict[str, Any]]) -> str:
    return flask.render_template_string(PAGE, notice=NOTICE, caffe=CAFFE, jobs_dir=app.config["JOBS_DIR"], jobs=shown)


def _job(job_id: str) -> dict[str, Any]:
    """Return a job's state; end the request with 404 where there is none."""
    found = [job for job in jobs.listed(app.config["JOBS_DIR"]) if job["id"] == job_id]
    if not found:
        flask.abort(flask.make_response(flask.jsonify(error={"message": "Job not found"}), 404))
    return found[0]


@app.route("/")
def home() -> str:
    """Show the jobs."""
    return _page(jobs.listed(app.config["JOBS_DIR"]))


@app.route("/index/json")
def index() -> flask.Response:
    """Answer with DIGITS' index: what is watched to see whether it is up."""
    root = app.config["JOBS_DIR"]
    kinds: dict[str, list[dict[str, Any]]] = {"datasets": [], "models": []}
    for job in jobs.listed(root):
        if f"{job['type']}s" in kinds:
            kinds[f"{job['type']}s"].append({key: job[key] for key in ("id", "name", "status")})
    return flask.jsonify(stand_in=NOTICE, version=__version__, caffe=CAFFE, jobs_dir=str(root), **kinds)


@app.route("/login", methods=["POST"])
def login() -> flask.Response:
    """Remember a user's name in a cookie; there is no password in DIGITS either."""
    response: flask.Response = flask.make_response(flask.redirect(flask.request.form.get("next", "/")))
    response.set_cookie("username", flask.request.form["username"])
    return response


@app.route("/<any(datasets, models):kind>/images/classification/json", methods=["POST"])
def create(kind: str) -> Any:
    """Make a data set of a folder of pictures, or a model of a data set, and start working on it."""
    fields = flask.request.form.to_dict()
    if "username" not in flask.request.cookies:
        return flask.jsonify(error={"message": "401 Unauthorized"}), 401
    datasets = [job["id"] for job in jobs.listed(app.config["JOBS_DIR"]) if job["type"] == "dataset"]
    if kind == "datasets" and not Path(fields.get("folder_train", "/nonexistent")).is_dir():
        return flask.jsonify(errors={"folder_train": ["Folder does not exist"]}), 400
    if kind == "models" and fields.get("dataset") not in datasets:
        return flask.jsonify(errors={"dataset": ["Not a valid choice"]}), 400
    name = fields.get(f"{KINDS[kind]}_name", "")
    return flask.jsonify(jobs.start(app.config["JOBS_DIR"], KINDS[kind], name, fields))


@app.route("/<any(datasets, models):kind>/<job_id>/json")
def details(kind: str, job_id: str) -> flask.Response:
    """Answer with all about a job."""
    return flask.jsonify(**_job(job_id), **({"network": "softmax regression"} if kind == "models" else {}))


@app.route("/<any(datasets, models):kind>/<job_id>")
def show(kind: str, job_id: str) -> str:  # noqa: ARG001 - DIGITS' address
    """Show a job."""
    return _page([_job(job_id)])


@app.route("/jobs/<job_id>/table_data/json")
def table_data(job_id: str) -> flask.Response:
    """Answer with a job's state and its last outputs, as DIGITS' own table of jobs asks for it."""
    job = _job(job_id)
    shown = {key: job.get(key) for key in ("id", "name", "type", "status", "progress", "elapsed")}
    return flask.jsonify(job={**shown, **job.get("outputs", {})})
