"""Who is in a cluster: by the recipe's own program, real certificates, and a real TLS connection as Ray makes it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import ssl
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from provision.catalogue.folders import TEMPLATES

PROGRAM = TEMPLATES / "recipes" / "ray" / "node.py"
HEAD, WORKER, ELSEWHERE = "127.0.0.2", "127.0.0.3", "127.0.0.4"
NO_ADDRESS = "does not appear to be an IPv4 or IPv6 address"


@dataclasses.dataclass(frozen=True)
class Node:
    """A host's state, in a folder."""

    state: Path

    def call(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Call the program."""
        env = {**os.environ, "GPURIG_RAY": str(self.state)}
        words = (sys.executable, str(PROGRAM), *words)
        return subprocess.run(words, input=given, env=env, capture_output=True, text=True, check=False)

    def does(self, *words: str, given: str = "") -> dict[str, Any]:
        """Call it, and return what it answers."""
        done = self.call(*words, given=given)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def refuses(self, *words: str, given: str = "") -> str:
        """Call it where it refuses, and return what it says: one line, and no traceback."""
        done = self.call(*words, given=given)
        assert done.returncode == 1, done.stdout
        assert done.stderr.count("\n") == 1
        return done.stderr

    def tls(self, purpose: ssl.Purpose) -> ssl.SSLContext:
        """Return the node's side of a connection: both sides show a certificate, and ask for one."""
        context = ssl.create_default_context(purpose, cafile=str(self.state / "authority.pem"))
        context.load_cert_chain(self.state / "certificate.pem", self.state / "key.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        return context


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Some hosts, the first of which has the authority."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The folder on the head's job volume."""
        return self.folder / "volume" / "ray" / "cluster"

    def node(self, name: str) -> Node:
        """Return a host, in no cluster yet where it is new."""
        (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        return Node(self.folder / name)

    def let_in(self, name: str, address: str) -> Node:
        """Let a host in at an address, as `fab setup-ray` does."""
        node, role = self.node(name), "head" if name == "head" else "worker"
        given = self.node("head").does("sign", str(self.authority), address, given=node.does("request")["request"])
        told = {"role": role, "address": address, "head": HEAD, **given}
        assert node.does("join", given=json.dumps(told))["good"]
        return node


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path / "one")


def heard(server: ssl.SSLContext, client: ssl.SSLContext, address: str) -> bytes:
    """Return what a client hears from a server at an address; raises what TLS raises."""
    with socket.create_server((address, 0)) as listening:

        def answer() -> None:
            with contextlib.suppress(OSError):
                line, _ = listening.accept()
                with line, server.wrap_socket(line, server_side=True) as tls:
                    tls.sendall(b"welcome")

        threading.Thread(target=answer, daemon=True).start()
        with (
            socket.create_connection(listening.getsockname(), timeout=10) as line,
            client.wrap_socket(line, server_hostname=address) as tls,
        ):
            return tls.recv(100)


def test_a_machine_made_of_a_hosts_image_has_a_key_of_its_own(cluster: Cluster) -> None:
    """What tells machines apart cannot be changed here: what the image says of its own is."""
    before = cluster.let_in("worker", WORKER)
    key = (before.state / "key.pem").read_text()
    (before.state / "machine").write_text("another\n")
    assert not before.does("show")["good"]
    cluster.let_in("worker", WORKER)
    assert (before.state / "key.pem").read_text() != key
    kept = (before.state / "key.pem").read_text()
    before.does("request")
    assert (before.state / "key.pem").read_text() == kept


def test_hosts_that_the_head_let_in_hear_each_other_and_nobody_else_does(cluster: Cluster, tmp_path: Path) -> None:
    head, worker = cluster.let_in("head", HEAD), cluster.let_in("worker", WORKER)
    at_head, at_worker = head.tls(ssl.Purpose.CLIENT_AUTH), worker.tls(ssl.Purpose.CLIENT_AUTH)
    assert heard(at_head, worker.tls(ssl.Purpose.SERVER_AUTH), HEAD) == b"welcome"
    assert heard(at_worker, head.tls(ssl.Purpose.SERVER_AUTH), WORKER) == b"welcome"
    stranger = Cluster(tmp_path / "two").let_in("head", ELSEWHERE)
    nobody = ssl.create_default_context(cafile=head.state / "authority.pem")
    for client in (stranger.tls(ssl.Purpose.SERVER_AUTH), nobody):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            heard(at_head, client, HEAD)
    # One that was let in does not pass for another: its certificate is for its own address.
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        heard(at_worker, head.tls(ssl.Purpose.SERVER_AUTH), ELSEWHERE)


def test_no_key_leaves_its_host_and_all_that_is_secret_is_the_accounts_alone(cluster: Cluster) -> None:
    head, worker = cluster.let_in("head", HEAD), cluster.node("worker")
    request = worker.does("request")
    given = head.does("sign", str(cluster.authority), WORKER, given=request["request"])
    joined = worker.does("join", given=json.dumps({"role": "worker", "address": WORKER, "head": HEAD, **given}))
    for said in (request, given, joined, head.does("show"), worker.does("show")):
        assert "PRIVATE KEY" not in json.dumps(said)
    assert set(given) == {"certificate", "authority", "token"}
    token = given["token"]
    assert token not in json.dumps([joined, head.does("show")])
    files = [path for folder in (head.state, worker.state, cluster.authority) for path in folder.iterdir()]
    assert {path.name for path in files} >= {"key.pem", "token", "authority-key.pem", "node.env"}
    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in files} == {oct(0o600)}
    assert stat.S_IMODE(cluster.authority.stat().st_mode) == 0o700


def test_another_box_with_the_heads_volume_is_the_same_clusters_head(cluster: Cluster) -> None:
    worker = cluster.let_in("worker", WORKER)
    before = {path.name: path.read_text() for path in cluster.authority.iterdir()}
    other = cluster.let_in("other-head", HEAD)
    assert {path.name: path.read_text() for path in cluster.authority.iterdir()} == before
    assert heard(other.tls(ssl.Purpose.CLIENT_AUTH), worker.tls(ssl.Purpose.SERVER_AUTH), HEAD) == b"welcome"
    assert (other.state / "token").read_text() == (worker.state / "token").read_text()


def test_an_authority_that_was_cut_off_while_it_was_made_is_made_anew(cluster: Cluster) -> None:
    cluster.authority.mkdir(mode=0o700, parents=True)
    (cluster.authority / "authority-key.pem").write_text("half of a k")
    assert cluster.let_in("head", HEAD).does("show")["good"]


def test_a_host_says_what_it_is_and_whether_that_still_holds(cluster: Cluster) -> None:
    new = cluster.node("worker").does("show")
    assert (new["role"], new["address"], new["head"], new["authority"], new["good"]) == ("", "", "", "", False)
    worker = cluster.let_in("worker", WORKER)
    told = worker.does("show")
    assert (told["role"], told["address"], told["head"], told["good"]) == ("worker", WORKER, HEAD, True)
    assert told["authority"] == cluster.let_in("head", HEAD).does("show")["authority"] != ""
    assert told["python"] == ".".join(map(str, sys.version_info[:3]))
    (worker.state / "key.pem").unlink()
    assert not worker.does("show")["good"], "a certificate without its key"
    worker.does("request")
    assert not worker.does("show")["good"], "and one of another key"
    again = cluster.let_in("worker", WORKER)
    (again.state / "token").unlink()
    assert not again.does("show")["good"], "and no token"


def test_what_does_not_fit_is_refused_in_words_and_changes_nothing(cluster: Cluster) -> None:
    worker = cluster.let_in("worker", WORKER)
    before = {path.name: path.read_bytes() for path in worker.state.iterdir()}
    other = cluster.node("other").does("request")["request"]
    given = cluster.node("head").does("sign", str(cluster.authority), WORKER, given=other)
    told = {"role": "worker", "address": WORKER, "head": HEAD, **given}
    assert "for another key than this host's" in worker.refuses("join", given=json.dumps(told))
    assert "no role 'king'" in worker.refuses("join", given=json.dumps({**told, "role": "king"}))
    assert NO_ADDRESS in worker.refuses("join", given=json.dumps({**told, "head": "x\nROLE=head"}))
    assert "'address' is missing" in worker.refuses("join", given=json.dumps({"role": "worker"}))
    assert "openssl x509: " in worker.refuses("sign", str(cluster.authority), WORKER, given="no request")
    assert NO_ADDRESS in worker.refuses("sign", str(cluster.authority), "a b", given=other)
    assert "usage: " in worker.refuses("sing")
    assert {path.name: path.read_bytes() for path in worker.state.iterdir()} == before
