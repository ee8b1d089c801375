"""The pages: a home page, DIGITS' index as JSON, the jobs. Built on the very packages that DIGITS is pinned to."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import flask
from flask_socketio import SocketIO

from digits import __version__, jobs

NOTICE = "This is a STAND-IN for NVIDIA DIGITS: it keeps job directories and trains nothing."
PAGE = """<!doctype html>
<title>DIGITS (stand-in)</title>
<h1>DIGITS <small>(stand-in)</small></h1>
<p><strong>{{ notice }}</strong></p>
<p>Caffe: {{ caffe }}<br>Jobs in {{ jobs_dir }}:</p>
<ul>{% for job in jobs %}<li>{{ job.id }} {{ job.name }}</li>{% else %}<li>none yet</li>{% endfor %}</ul>
<form method="post" action="/jobs"><input name="name" placeholder="name"> <button>Make a job directory</button></form>
"""

app = flask.Flask(__name__)
app.config["JOBS_DIR"] = Path(os.environ.get("DIGITS_JOBS_DIR", "jobs")).resolve()
socketio = SocketIO(app, async_mode="gevent")


def caffe() -> str:
    """Return what the Caffe at CAFFE_ROOT says of itself, looked up as DIGITS does: its tool and its Python module."""
    root = Path(os.environ.get("CAFFE_ROOT", "/nonexistent"))
    try:
        sys.path.insert(0, str(root / "python"))
        version = importlib.import_module("caffe").__version__
        tool = [str(root / "build/tools/caffe"), "--version"]
        said = subprocess.run(tool, stdout=subprocess.PIPE, check=True, timeout=20).stdout
    except (ImportError, OSError, subprocess.SubprocessError) as error:
        return f"not found ({error})"
    return f"module {version}; {said.decode().strip()}"


CAFFE = caffe()


@app.route("/")
def home() -> str:
    """Show the jobs and a form for a new one."""
    root = app.config["JOBS_DIR"]
    return flask.render_template_string(PAGE, notice=NOTICE, caffe=CAFFE, jobs_dir=root, jobs=jobs.listed(root))


@app.route("/index/json")
def index() -> flask.Response:
    """Answer with DIGITS' index: what is watched to see whether it is up."""
    root = app.config["JOBS_DIR"]
    return flask.jsonify(stand_in=NOTICE, version=__version__, caffe=CAFFE, jobs_dir=str(root), jobs=jobs.listed(root))


@app.route("/jobs", methods=["GET", "POST"])
def all_jobs() -> tuple[flask.Response, int]:
    """List the jobs, or make one: POST with a `name`."""
    root = app.config["JOBS_DIR"]
    if flask.request.method == "POST":
        return flask.jsonify(stand_in=NOTICE, job=jobs.created(root, flask.request.form.get("name", ""))), 201
    return flask.jsonify(stand_in=NOTICE, jobs=jobs.listed(root)), 200
