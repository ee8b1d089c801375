"""Archives that are not unpacked here: told by their names before anything is fetched."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.messages import bad_input

if TYPE_CHECKING:
    from collections.abc import Iterable

FOREIGN = re.compile(
    rf"\.({'|'.join(Path(__file__).with_name('foreign.txt').read_text(encoding='ascii').split())})$", re.IGNORECASE
)
"""What the name of an archive ends with that is not unpacked here; the laptop asks it, too."""
BSDTAR = re.compile(
    r"((?<!\d)\.rar|\.(7z|cab|cpio|iso|lha|lzh|tlz|tzo|xar|zipx|tar\.(lz|lz4|lzma|lzo)))$", re.IGNORECASE
)
"""Those of them that libarchive reads; a rar in parts (.part1.rar) is none."""
ELSEWHERE = "sudo apt-get install -y libarchive-tools && bsdtar -xf"
"""What unpacks many of them on the host."""


def refuse_foreign(names: Iterable[str]) -> None:
    """Raise `Failure` where a name is an archive's that is not unpacked here."""
    if found := [name for name in names if FOREIGN.search(name)]:
        problem = "\n".join(f"{name}: such an archive is not unpacked here" for name in found)
        hint = "--keep takes it as it is"
        if readable := [os.path.basename(name) for name in found if BSDTAR.search(name)]:  # noqa: PTH119
            hint += f"; then, in its folder on the host: {ELSEWHERE} {readable[0]}"
        raise bad_input(problem, f"{hint}\nor unpack it on your machine, and: fab dataset-put FOLDER")
