"""The certificate by which this machine knows a door: as it is served, against real TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.model.errors import BadInput
from provision.model.host import Host
from provision.work import door

HERE = Host(name="desk", address="127.0.0.1")


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A door that answers on this machine, and its fingerprint as OpenSSL says it."""
    pair = ("-keyout", f"{tmp_path}/key.pem", "-out", f"{tmp_path}/cert.pem")
    line = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=x",
    ]
    subprocess.run([*line, *pair], check=True, capture_output=True)
    said = ["openssl", "x509", "-in", f"{tmp_path}/cert.pem", "-noout", "-fingerprint", "-sha256"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(door, "PORT", server.getsockname()[1])

        def serve() -> None:
            with server.accept()[0] as line, context.wrap_socket(line, server_side=True) as tls:
                tls.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        yield subprocess.run(said, check=True, capture_output=True, text=True).stdout.strip().rpartition("=")[2]
        thread.join()


def test_what_answers_is_known_by_the_fingerprint_that_browsers_show(shown: str) -> None:
    assert door.seen(HERE) == shown


def test_where_nothing_answers_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(door, "PORT", server.getsockname()[1])
    assert door.seen(HERE) == ""
    assert door.noted(HERE) == ""


def test_no_two_logins_of_a_password_are_the_same_and_none_has_it() -> None:
    first, second = door.record("a word that is long"), door.record("a word that is long")
    assert first != second
    assert "word" not in first
    assert len({door.new_password() for _ in range(100)}) == 100


def test_a_short_password_is_refused() -> None:
    assert door.checked("x" * 12) == "x" * 12
    with pytest.raises(BadInput, match="12 is the least"):
        door.checked("x" * 11)
