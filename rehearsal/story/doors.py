"""The ways to DIGITS on a box: through the tunnel, from this machine's own address, and shut to anybody else."""

from __future__ import annotations

import re
import shlex
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from http import cookiejar
from typing import TYPE_CHECKING, Any

from rehearsal.errors import RehearsalError
from rehearsal.site import ROOT

if TYPE_CHECKING:
    from rehearsal.site import Site
    from rehearsal.story.telling import Story

HEALTH = "/index/json"
OPEN = ["0.0.0.0:5000", "127.0.0.1:5001", "127.0.0.1:5002"]
"""The door, DIGITS itself, and where the tunnel ends."""


def browser(certificate: str = "") -> urllib.request.OpenerDirector:
    """Return what asks as a browser does: it keeps cookies, and trusts one certificate, of the addresses in it."""
    tls = ssl.create_default_context(cadata=certificate) if certificate else None
    cookies = urllib.request.HTTPCookieProcessor(cookiejar.CookieJar())
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}), cookies, urllib.request.HTTPSHandler(context=tls)
    )


def get(url: str, seconds: float, user: urllib.request.OpenerDirector | None = None) -> int:
    """Return the HTTP status of `url`, asked again until it answers or time is up."""
    deadline = time.monotonic() + seconds
    opener = user or browser()
    while True:
        try:
            with opener.open(url, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            if error.code != 502 or time.monotonic() > deadline:
                return error.code
            time.sleep(0.3)
        except (urllib.error.URLError, OSError) as error:
            if time.monotonic() > deadline:
                raise RehearsalError(f"{url} does not answer: {error}") from error
            time.sleep(0.3)


def came(url: str, seconds: float, user: urllib.request.OpenerDirector | None = None) -> None:
    """See that `url` is there for a user, and show it. Raises `RehearsalError`."""
    status = get(url, seconds, user)
    print(f"  {url} → {status}", flush=True)
    if status != 200:
        raise RehearsalError(f"{url} should be there; its answer is {status}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tunnel(site: Site) -> None:
    """Open `fab tunnel`, look at DIGITS through it, close it as Ctrl-C does."""
    port = _free_port()
    command = ["fab", "tunnel", "--local", str(port)]
    print(f"\n$ {shlex.join(command)}", flush=True)
    process = subprocess.Popen(command, cwd=ROOT, env=site.env, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}{HEALTH}"
        came(url, 20)
        process.send_signal(signal.SIGINT)
        code = process.wait(20)
    except subprocess.TimeoutExpired:
        raise RehearsalError("`fab tunnel` goes on 20 s after Ctrl-C") from None
    finally:
        process.kill()
        process.wait()
    if code:
        raise RehearsalError(f"`fab tunnel` ended with exit code {code} after Ctrl-C")


def direct(story: Story, host: dict[str, Any]) -> urllib.request.OpenerDirector:
    """Make a password, and come to DIGITS from this machine's address with it; returns who is logged in then."""
    listening = story.on_box("ss -Hltn | awk '{print $4}' | grep ':500[0-9]$' | sort").split()
    if listening != OPEN:
        raise RehearsalError(f"on the box should listen {', '.join(OPEN)}, and there listen {', '.join(listening)}")
    door = f"https://{host['address']}:5000"
    user = browser(story.on_box("sudo cat /var/lib/gpurig-door/cert.pem"))
    if (status := get(f"{door}{HEALTH}", 20, user)) != 401:
        raise RehearsalError(f"{door}{HEALTH} should have asked for a login; its answer is {status}")
    print(f"  {door}{HEALTH} → 401: it asks for a login", flush=True)
    said = story.do("fab", "password", quiet=True)
    print(said, end="", flush=True)
    word = re.search(r"\(shown this once\): (\S+)", said)
    if word is None:
        raise RehearsalError("`fab password` showed no password")
    with user.open(f"{door}/door/login", urllib.parse.urlencode({"password": word[1]}).encode(), timeout=10):
        pass
    came(f"{door}{HEALTH}", 5, user)
    came(f"{door}/socket.io/?EIO=3&transport=polling", 5, user)
    print("  that was by the box's own certificate, and logged in", flush=True)
    return user


def stranger(site: Site, host: dict[str, Any]) -> None:
    """Knock from another address, which the security group keeps out: the packets are dropped, nothing answers."""
    rooms = site.cloud.boxes
    curl = ["ip", "netns", "exec", rooms["visitor"], "curl", "--silent", "--noproxy", "*", "--max-time", "3"]
    address = _visitor_arrives(curl, rooms["caller"])
    url = f"https://{host['address']}:5000{HEALTH}"
    print(f"\n$ curl --max-time 3 {url}    # from {address}, which reaches this machine", flush=True)
    done = subprocess.run([*curl, url], check=False, capture_output=True, stdin=subprocess.DEVNULL)
    if done.returncode != 28:  # curl's exit code for a time-out
        raise RehearsalError(f"{address} should have timed out at {url}; curl's exit code is {done.returncode}")
    print("  no answer: the security group drops it", flush=True)


def _visitor_arrives(curl: list[str], caller: str) -> str:
    """Let the visitor reach this machine, so that its silence at the box means something; returns its address."""
    with socket.create_server((caller, 0)) as door:
        door.settimeout(5)
        with subprocess.Popen([*curl, f"http://{caller}:{door.getsockname()[1]}/"], stdin=subprocess.DEVNULL):
            try:
                visit, (address, _) = door.accept()
            except TimeoutError:
                raise RehearsalError(f"the visitor's network does not reach even this machine, {caller}") from None
            visit.close()
    if address == caller:
        raise RehearsalError(f"the visitor comes from the caller's own address, {caller}: it proves nothing")
    return str(address)
