"""The door on this machine: its own nginx.conf and login, with other ports and folders, and what stands behind it."""

from __future__ import annotations

import atexit
import base64
import contextlib
import dataclasses
import functools
import hashlib
import http.server
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.bundle.render import render
from provision.catalogue.folders import TEMPLATES
from provision.model.target import Target
from provision.work import door
from tests.kit.servers import Handler, serving
from tests.kit.wait import until

PASSWORD = "correct horse battery"
OWN = "<!doctype html><title>DIGITS</title><h1>the jobs</h1><form method=post action=/made><button>make</button></form>"


@functools.cache
def nginx() -> str:
    """Return nginx's program: this machine's, or that of its distribution, unpacked and not installed.

    Installed, it would serve port 80 from then on.
    """
    if found := shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return found
    folder = Path(tempfile.mkdtemp(prefix="nginx-"))
    atexit.register(shutil.rmtree, folder)
    for package in ("nginx", "nginx-core"):  # Debian 12 has the program in the one, Ubuntu in the other
        subprocess.run(["apt-get", "-qq", "download", package], cwd=folder, check=False, capture_output=True)
    for archive in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", archive, folder], check=True)
    if not (program := folder / "usr" / "sbin" / "nginx").exists():
        pytest.skip("there is no nginx here, and none to be had by apt")
    return str(program)


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody has."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in probes]


class Behind(Handler):
    """What stands in DIGITS' place: it takes whatever comes, web sockets too, and notes it."""

    protocol_version = "HTTP/1.1"
    reached: list[str]

    def do_GET(self) -> None:
        if self.path != "/favicon.ico":  # the browser's own doing, also for a page that says no
            self.reached.append(f"{self.command} {self.path}")
        if self.headers.get("Upgrade"):
            whole = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455
            accept = base64.b64encode(hashlib.sha1(whole.encode()).digest()).decode()  # noqa: S324 - the protocol's
            headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Accept": accept}
            self.send_response(101)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.connection.settimeout(0.5)
            with contextlib.suppress(OSError):
                self.rfile.read(1)
            self.close_connection = True
            return
        # As a careless one would.
        self.answer(200, OWN.encode(), Content_Type="text/html", Access_Control_Allow_Origin="*")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()


@dataclasses.dataclass(frozen=True)
class Door:
    """A door that is open."""

    outside: int
    inside: int
    behind: int
    reached: list[str]
    """What came through, as "METHOD /path"."""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.outside}"


def _config(folder: Path, ports: dict[str, int]) -> str:
    """Return the recipe's configuration with the places of a test."""
    (step,) = [step for step in render(["door"], Target()).steps if step.name == "door"]
    (text,) = [file["content"] for file in step.files if file["path"].endswith("nginx.conf")]
    places = {"/var/lib/gpurig-door": str(folder), "/run/gpurig-door.pid": f"{folder}/pid"}
    places |= {"/run/gpurig-door/": f"{folder}/", "user www-data;": "user root;" if os.geteuid() == 0 else ""}
    # An installed nginx has folders for what it puts aside; one that is only unpacked has none.
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    aside = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    places |= {"http {\n": f"http {{\n{aside}"}
    places |= {"listen 5000": f"listen 127.0.0.1:{ports['outside']}"}
    places |= {"127.0.0.1:5001": f"127.0.0.1:{ports['behind']}", "127.0.0.1:5002": f"127.0.0.1:{ports['inside']}"}
    for old, new in places.items():
        assert old in text
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def opened(folder: Path, **login: str) -> Iterator[Door]:
    """Open a door, with a password unless `login` says another or ""."""
    ports = dict(zip(("outside", "inside"), free_ports(2), strict=True))
    reached: list[str] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Noting", (Behind,), {"reached": reached}))
    server.daemon_threads = True
    ports["behind"] = server.server_port
    key = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    files = ["-subj", "/CN=test", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
    subprocess.run([*key, *files], check=True, capture_output=True)
    (folder / "names.conf").write_text("server_name desk.lan;\n")
    (folder / "nginx.conf").write_text(_config(folder, ports))
    if word := login.get("password", PASSWORD):
        (folder / "login.json").write_text(door.record(word))
    program = [sys.executable, str(TEMPLATES / "recipes" / "door" / "login.py")]
    env = {**os.environ, "GPURIG_DOOR": str(folder), "GPURIG_DOOR_SOCKET": str(folder / "login.sock")}
    front = [nginx(), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    with (
        serving(server),
        subprocess.Popen(program, env=env, stderr=-3) as first,
        subprocess.Popen(front) as second,
    ):
        try:
            until(lambda: (folder / "login.sock").exists() and _answers(ports["inside"]))
            yield Door(reached=reached, **ports)
        finally:
            second.terminate()
            first.terminate()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def curl(*words: str) -> tuple[int, str]:
    """Return status and body of what curl gets; it takes any certificate. Headers are in the body with `-i`."""
    line = ["curl", "-ks", "--noproxy", "*", "--max-time", "10", "-w", "\n%{http_code}", *words]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body
