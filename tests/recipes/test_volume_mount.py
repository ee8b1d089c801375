"""How the job volume is mounted: what its bytes, whoever wrote them, are not allowed to be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.disk import Disk, blank, lack

pytestmark = pytest.mark.skipif(bool(lack()), reason=lack())


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A blank volume."""
    with blank(tmp_path) as made:
        yield made


# As the account: a program that is root's and setuid, and a device, on the volume.
PLANTED = """
mkdir /run/seen; mount --bind jobs /run/seen  # the folder of a test is closed to others
install -m 4755 "$(command -v id)" jobs/id
mknod -m 666 jobs/null c 1 3
setpriv --reuid=nobody --regid=nogroup --clear-groups -- sh -c '/run/seen/id -u; echo >/run/seen/null || true' 2>&1
"""


def test_what_lies_on_the_volume_makes_nobody_root_and_is_no_device(disk: Disk) -> None:
    user, why = disk.up(PLANTED, code=0).stdout.splitlines()[-2:]
    assert user != "0"
    assert user.isdecimal()  # programs run there all the same
    assert "Permission denied" in why


def test_a_volume_that_was_mounted_before_that_is_mended_while_it_is_in_use(disk: Disk) -> None:
    old = "exec 3>jobs/open; mount -o remount,suid,dev jobs; ! ./gpurig-volume check 2>why; cat why; ./gpurig-volume"
    done = disk.up(f"{old}; ./gpurig-volume check; findmnt -no OPTIONS jobs; {PLANTED}", code=0)
    problem, options, user, why = done.stdout.splitlines()[-4:]
    assert "nosuid,nodev" in problem
    assert "noatime" in options
    assert user.isdecimal()
    assert user != "0"
    assert "Permission denied" in why
