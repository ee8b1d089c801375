"""`python -m digits`, for this machine alone: DIGITS listens on all addresses and has no option for it.

The door (port 5000) is what others reach.
"""

import runpy
import sys
from pathlib import Path
from typing import Any

from gevent import monkey

monkey.patch_all()  # as DIGITS does, and before anything that is to be patched is imported

import flask_socketio  # noqa: E402

listen = flask_socketio.SocketIO.run


def listen_here(self: Any, app: Any, _host: Any = None, port: Any = None, **options: Any) -> None:
    """Listen on the loopback interface, whatever DIGITS says."""
    listen(self, app, "127.0.0.1", port, **options)


flask_socketio.SocketIO.run = listen_here
# Where `python -m` looks first.
sys.path[0] = str(Path.cwd())
runpy.run_module("digits", run_name="__main__", alter_sys=True)
