"""A user with a rehearsal cloud and a copy of the project of his own, for the tests of one module.

So that its `pulumi config set` and the tests of other modules stay out of each other's way.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.boxes import roots
from rehearsal.site import ROOT, open_site
from rehearsal.user import User


@pytest.fixture(scope="module")
def user(request: pytest.FixtureRequest) -> Iterator[User]:
    """A user who has selected the rehearsal's stack and made nothing yet; `CONFIG` of the module is set."""
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".rehearsal-life-") as folder:
        roots.ensure("ubuntu-22.04", print)
        site = open_site(Path(folder), stack="rehearsal", boxes=True, sources="standins", tell=print)
        try:
            user = User.arrives(site)
            for key, value in getattr(request.module, "CONFIG", {}).items():
                user.config(key, value)
            yield user
        finally:
            site.cloud.stop()
