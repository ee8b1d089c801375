"""Images of boxes: what a root disk held beside the base root that it stands on, kept in the state folder."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rehearsal.boxes.box import remove_folder
from rehearsal.boxes.run import run
from rehearsal.boxes.volumes import check_id
from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rehearsal.boxes.ledger import Ledger

SECONDS = 3600
"""Some 9 GB that CUDA left take a slow disk minutes."""


class Images:
    """The images of one state folder: `images/<id>/`, layers numbered from the top, and the name of the base root.

    They are gone when the cloud is, as the boxes are: nothing but the cloud knows them.
    """

    def __init__(self, state: Path, ledger: Ledger) -> None:
        self._folder, self._ledger = state / "images", ledger

    def create(self, image_id: str, root_name: str, box: Path) -> None:
        """Keep the root disk in a box's folder; RehearsalError if that fails, and nothing is kept."""
        folder = self._folder / check_id(image_id)
        fresh = folder.with_name(f".{image_id}.new")
        for path in (fresh, folder):
            self._ledger.take("folder", str(path))
        (fresh / "0").mkdir(parents=True)
        overlay = (box / "upper").is_dir()
        try:
            _copy(box / ("upper" if overlay else "root"), fresh / "0")
            for number, layer in enumerate(_in_order(box.glob("layer*")), 1):
                run("cp", "--archive", "--link", layer, fresh / str(number), timeout=SECONDS)
            (fresh / "root-name").write_text(root_name)
        except RehearsalError:
            remove_folder(fresh)
            self._ledger.drop("folder", str(folder))
            raise
        finally:
            self._ledger.drop("folder", str(fresh))
        fresh.rename(folder)

    def root_name(self, image_id: str) -> str | None:
        """Return the name of the base root below an image; None where there is no such image."""
        name = self._folder / image_id / "root-name"
        return name.read_text() if name.exists() else None

    def layers(self, image_id: str) -> list[Path]:
        """Return an image's own layers, the lowest last; none of an image that is a base root alone."""
        return _in_order((self._folder / image_id).glob("[0-9]*"))

    def delete(self, image_id: str) -> None:
        """Drop an image, if it is there."""
        folder = self._folder / check_id(image_id)
        remove_folder(folder)
        self._ledger.drop("folder", str(folder))


def _copy(source: Path, goal: Path) -> None:
    """Copy a tree with all that its files have, the marks of overlays included.

    Not the packages that were lent to the box (rehearsal.boxes.debs): each that boots from the image is lent them anew.
    """
    kept = "--sparse --xattrs --xattrs-include='*' --acls"
    # tar ends with 1 where a file changed under it: on a machine that cannot freeze a box, a plug that is pulled.
    read = f"tar -C {shlex.quote(str(source))} --create {kept} --exclude='./var/cache/apt/archives/*.deb' ."
    write = f"tar -C {shlex.quote(str(goal))} --extract --preserve-permissions --same-owner {kept}"
    run("bash", "-c", f"set -o pipefail; {{ {read} || [ $? = 1 ]; }} | {write}", timeout=SECONDS)


def _in_order(layers: Iterable[Path]) -> list[Path]:
    return sorted(layers, key=lambda layer: int(layer.name.removeprefix("layer")))
