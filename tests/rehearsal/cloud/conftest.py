"""A cloud in this process whose hypervisor writes down what it is told."""

from __future__ import annotations

import os
import threading
import urllib.request
from typing import TYPE_CHECKING

import pytest

from rehearsal.cloud.handle import Cloud
from tests.rehearsal.cloud.helpers import Recorder, Wired

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[Wired]:
    """Serve a cloud from a thread of the test, with a recording hypervisor; its resources are gone afterwards."""
    from rehearsal.cloud.application import build
    from rehearsal.cloud.server import listen

    hypervisor = Recorder()
    server = listen(build(tmp_path, hypervisor, caller="198.18.0.1"), 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    yield Wired(Cloud(state=tmp_path, endpoint=endpoint, pid=os.getpid()), hypervisor)
    urllib.request.urlopen(f"{endpoint}/moto-api/reset", data=b"", timeout=10).close()  # noqa: S310 - http, on this machine
    server.shutdown()
    thread.join()
    server.server_close()
