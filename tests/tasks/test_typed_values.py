"""Values on the command line that mean more than they say, or nothing: refused before any host is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.fab import refused, write_hosts


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("tunnel", "--port", "abc"), "--port abc: write a port number, 1 to 65535"),
        (("-H", "-oProxyCommand=id@h", "ssh"), '-H: "user" has to be the name of an account'),
        (("-H", "..", "fetch", "train-1"), '-H: "address" has to be a host name'),
        (("-H", "h:ssh", "ps"), "-H h:ssh: the port has to be a port number"),
        (("extend", "-1h"), "-1h: a time or a number has no sign"),
        (("ps", "-t", "abc"), "an option of fab's own is no number"),
        (("logs", "--lines", "9" * 5000), "write a number of lines"),
        (("dataset-get", "http://[::1/x.zip"), "an address begins with"),
    ],
)
def test_what_is_typed_is_checked_first(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    write_hosts(tmp_path, "a")
    stderr = refused(tmp_path, *words)
    assert said in stderr
    assert "--local" not in stderr
