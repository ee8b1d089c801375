"""What the tree must not have, so that it works as a wheel, and as a checkout on a system without symbolic links."""

from __future__ import annotations

import subprocess

from tests.kit.fab import ROOT


def test_there_are_no_symbolic_links_in_the_tree() -> None:
    done = subprocess.run(["git", "ls-files", "--stage"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout
    assert not [row for row in done.stdout.splitlines() if row.startswith("120000")]
