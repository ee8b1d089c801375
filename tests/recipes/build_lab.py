"""A workshop for data sets: pictures on a disk, and the program that the host builds data sets with."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image

from provision.catalogue.folders import TEMPLATES
from provision.tasks.verbs.dataset_build import DEFAULTS

PROGRAM = TEMPLATES / "recipes" / "datasets" / "program" / "build.py"


def picture(path: Path, seed: int, size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: Any) -> None:
    """Write a picture with nothing symmetrical about it, another one for each seed."""
    noise = b"".join(hashlib.sha256(f"{seed} {part}".encode()).digest() for part in range(6))
    small = Image.frombytes("RGB", (8, 8), noise)
    path.parent.mkdir(parents=True, exist_ok=True)
    small.resize(size, Image.Resampling.BICUBIC).convert(mode).save(path, **options)


@dataclasses.dataclass(frozen=True)
class Workshop:
    """A job volume with a folder of data sets."""

    volume: Path

    @property
    def datasets(self) -> Path:
        """The folder of the data sets."""
        return self.volume / "datasets"

    def command(self, name: str, *words: str) -> list[str]:
        """Return the command that builds one, with the defaults that `fab` would send."""
        usual = [f"--{key}={value}" for key, value in DEFAULTS.items()]
        return [sys.executable, str(PROGRAM), name, "--datasets", str(self.datasets), *usual, *words]

    def build(self, name: str, *words: str, code: int = 0) -> str:
        """Build one; returns what was said. Fails unless it ends with `code`."""
        done = subprocess.run(self.command(name, *words), capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        return said

    def begun(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        """Begin to build one; returns the group of processes, halted after the first picture."""
        command = self.command(name, *words)
        running = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while not any((self.datasets / f".{name}.building").rglob("*.png")):
            assert running.poll() is None
            time.sleep(0.001)
        os.killpg(running.pid, signal.SIGSTOP)
        return running

    def manifest(self, name: str) -> dict[str, Any]:
        """Return the manifest of one."""
        manifest: dict[str, Any] = json.loads((self.datasets / name / "manifest.json").read_text(encoding="utf-8"))
        return manifest

    def lines(self, name: str, file: str) -> list[str]:
        """Return the lines of one of its files."""
        return (self.datasets / name / file).read_text(encoding="utf-8").splitlines()

    def open(self, path: Path) -> Image.Image:
        """Return a picture, loaded."""
        with Image.open(path) as image:
            image.load()
            return image

    def there(self) -> set[str]:
        """Return what lies in the folder of the data sets, hidden things too."""
        return {path.name for path in self.datasets.iterdir()}


def tree(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder with their bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def eyes(workshop: Workshop, count: int = 20, *, size: tuple[int, int] = (40, 30)) -> Path:
    """Make a folder of pictures with a table and labels, as document 002 has them: every fourth is "pos"."""
    folder = workshop.datasets / "eyes"
    rows = []
    for number in range(count):
        picture(folder / f"{number:03d}_left.jpeg", number, size)
        rows.append(f"{number:03d}_left\t{'neg' if number % 4 else 'pos'}")
    (folder / "labels.txt").write_text("neg\npos\n")
    (folder / "table.tsv").write_text("".join(f"{row}\n" for row in rows))
    return folder


TABLE = ("--from", "eyes", "--table", "table.tsv", "--labels", "labels.txt")
