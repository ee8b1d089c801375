"""What stands in for the network: a folder with root file systems and Python wheels.

FOLDER/roots/NAME.tar.xz    a root file system, with the packages of the system that the recipes ask for
FOLDER/wheels/*.whl         what pip is to find
"""

from __future__ import annotations

import dataclasses
import lzma
import shutil
import tarfile
from typing import TYPE_CHECKING

from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.boxes.roots import Root

INSIDE = "/opt/offline"
"""Where a box has the folder."""
PIP = f"[global]\nno-index = true\nfind-links = {INSIDE}/wheels\n"


@dataclasses.dataclass(frozen=True)
class Unpacked:
    """A root file system that came as an archive: what `roots.Root` is to a box."""

    name: str
    path: Path
    user: str


def root_in(folder: Path, root: Root, state: Path) -> Unpacked:
    """Unpack the folder's root file system of that name, once. Raises `RehearsalError` where it has none."""
    archive = folder / "roots" / f"{root.name}.tar.xz"
    if not archive.is_file():
        raise RehearsalError(f"{folder} has no roots/{root.name}.tar.xz: docs/rehearsal.md says how it is made")
    tree = state / "roots" / root.name
    if not tree.exists():
        part = tree.with_name(f"{tree.name}.part")
        shutil.rmtree(part, ignore_errors=True)  # what a run that was cut off has left
        part.mkdir(parents=True)
        try:
            with tarfile.open(archive) as tar:
                # With owners, devices and set-id bits, as a machine has them: who gives the folder is trusted so far.
                # The attribute, as Debian 12's Python has no such argument yet.
                tar.extraction_filter = lambda member, _: member
                tar.extractall(part, numeric_owner=True)  # noqa: S202
        except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
            raise RehearsalError(f"{archive} is no whole archive: {error}") from error
        part.rename(tree)
    return Unpacked(root.name, tree, root.user)
