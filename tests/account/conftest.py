"""An account for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.account.lab import KEY, Account
from tests.kit.cloud import as_user, serve


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """Return an empty account and a project with the stack "dev"."""
    (tmp_path / "project").mkdir()
    with serve(tmp_path) as wired:
        as_user(wired.cloud, monkeypatch)
        made = Account(wired, tmp_path / "project")
        made.ec2.create_key_pair(KeyName=KEY)
        made.knows()
        yield made
