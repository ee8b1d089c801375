"""Files behind s3:// that only the instance's role may read: its keys come from the instance metadata service."""

from __future__ import annotations

import datetime as dt
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.archives import PICTURES, zipped
from tests.kit.servers import Handler, serving
from tests.kit.web_lab import Lab

ROLE = "gpurig-box"
KEYS = "/latest/meta-data/iam/security-credentials/"
TOKEN = "/latest/api/token"
SESSION = "a session of five hours"
KEY = "ASIAROLEOFTHEBOX"


class _Metadata(Handler):
    """Version 2 of the service: it answers nobody who has not fetched a token first."""

    server: Metadata

    def do_PUT(self) -> None:
        self.server.asked.append(("PUT", self.path))
        seconds = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self.path == TOKEN and seconds.isdecimal():
            self.answer(200, b"a token", X_aws_ec2_metadata_token_ttl_seconds=seconds)
        else:
            self.send_error(400)

    def do_GET(self) -> None:
        self.server.asked.append(("GET", self.path))
        if self.headers.get("X-aws-ec2-metadata-token") != "a token":
            self.send_error(401)
        elif self.path == KEYS and self.server.role:
            self.answer(200, ROLE.encode())
        elif self.path == KEYS + ROLE and self.server.role:
            now = dt.datetime.now(dt.UTC)
            times = {"LastUpdated": now, "Expiration": now + dt.timedelta(hours=5)}
            words = {
                "Code": "Success",
                "Type": "AWS-HMAC",
                "AccessKeyId": KEY,
                "SecretAccessKey": "s",
                "Token": SESSION,
            }
            words |= {name: f"{at:%Y-%m-%dT%H:%M:%SZ}" for name, at in times.items()}
            self.answer(200, json.dumps(words).encode())
        else:
            self.send_error(404)


class Metadata(http.server.ThreadingHTTPServer):
    """The service, on a port of this machine; without a role it knows no keys."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Metadata)
        self.asked: list[tuple[str, str]] = []
        self.role = True


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Metadata]:
    """The service, where the program finds it; there are no keys in the environment, and no files of them."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "EC2_METADATA_DISABLED"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    for name in ("CONFIG_FILE", "SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(f"AWS_{name}", str(tmp_path / "none"))
    metadata = Metadata()
    with serving(metadata) as url:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"{url}/")
        yield metadata


class Store:
    """S3 on this machine, which notes how requests were signed."""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            def log(self, *_: object) -> None:
                """Say nothing."""

        self.signed: list[tuple[str, str, str]] = []
        """Method, the access key that signed it ("" where nothing did), session token."""
        self._s3 = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._note, threaded=True, request_handler=Quiet)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def _note(self, environ: dict[str, Any], start: Any) -> Any:
        words = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2]
        session = environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "")
        self.signed.append((environ["REQUEST_METHOD"], words.partition("/")[0], session))
        return self._s3(environ, start)

    def close(self) -> None:
        self._server.shutdown()


@pytest.fixture
def store() -> Iterator[Store]:
    """A store with a bucket that nobody may read without a key."""
    import boto3

    store = Store()
    keys = {"aws_access_key_id": "owner", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=store.endpoint, **keys)
    client.create_bucket(Bucket="the-role-may")
    client.put_object(Bucket="the-role-may", Key="eyes.zip", Body=zipped(PICTURES))
    store.signed.clear()
    yield store
    store.close()


def test_a_private_bucket_is_read_with_the_keys_of_the_instances_role(
    lab: Lab, metadata: Metadata, store: Store
) -> None:
    lab.get("s3://the-role-may/eyes.zip", endpoint=store.endpoint)
    assert lab.tree() == PICTURES
    assert metadata.asked[:3] == [("PUT", TOKEN), ("GET", KEYS), ("GET", KEYS + ROLE)]
    assert {method for method, *_ in store.signed} == {"HEAD", "GET"}
    assert {tuple(how) for _, *how in store.signed} == {(KEY, SESSION)}


def test_an_instance_without_a_role_is_told_what_to_set(lab: Lab, metadata: Metadata, store: Store) -> None:
    metadata.role = False
    said = lab.get("s3://the-role-may/eyes.zip", endpoint=store.endpoint, code=2)
    assert "add this one to gpurig:s3Buckets" in said
    assert ("GET", KEYS) in metadata.asked
    assert {key for _, key, _ in store.signed} == {""}
