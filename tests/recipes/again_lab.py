"""A host on which a recipe's install script runs once more: what it had made stands there, and nothing new can be had.

Every program that would install, build or fetch is this test's own, and so are /opt/gpurig and /usr/local.
"""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
from pathlib import Path

from provision.agent.paths import PREFIX
from provision.bundle.render import render
from provision.catalogue.catalogue import Catalogue
from provision.model.target import Target
from tests.kit.programs import write_program

NEVER = 'echo "$0 $*: it cannot be had" >&2; exit 1'
PYTHON = f"""
case "$*" in
  *" venv "*) mkdir -p "${{@: -1}}/bin"; cp "$0" "${{@: -1}}/bin/python" ;;
  *"--version") ;;
  *" pip "*) {NEVER} ;;
  /*) mkdir -p "$1/bin" "$1/lib/python2.7/site-packages"; cp "$0" "$1/bin/python" ;;
  *) echo 3.11 ;;
esac"""
PROGRAMS = {
    # All packages are there, whichever is asked for.
    "dpkg-query": 'for name in "${@:3}"; do echo "$name installed 1"; done',
    "nvcc": 'case "$*" in *--list-gpu-code) echo sm_75 sm_86 ;; *) echo "Cuda compilation tools, release 11.8" ;; esac',
    "python3": PYTHON,
    "systemctl": ":",
    "nvidia-smi": "echo 580.126.09",
    "sleep": ":",
    **dict.fromkeys(("apt-get", "curl", "cmake", "make", "luarocks", "ldconfig"), NEVER),
}
BUILT = {
    "caffe": "0.17.4-sm75",
    "torch7": "7-sm75",
    "cudamat": "21baa0a-sm75",
    "conda": Catalogue().recipes["conda"].version,
    "cudnn": "uploaded",
}
"""What the folder is called that a recipe would build in, were none there."""
INSIDE = (
    *("gpurig", "build/gpurig", "build/tools/caffe", "python/caffe/_caffe.so", "cudamat/libcudamat.so", "bin/conda"),
    *("install/bin/th", "lib64/libcudnn.so.8", "include/cudnn.h", "file", "bin/python", "bin/virtualenv"),
    *("requirements.txt", "lib/python2.7/site-packages/x.py"),
)


@dataclasses.dataclass(frozen=True)
class Again:
    """A host in a folder."""

    folder: Path

    @property
    def opt(self) -> Path:
        """What stands for /opt/gpurig."""
        return self.folder / "opt"

    def lay(self, recipe: str, target: Target, *, earlier: bool) -> None:
        """Put there what a recipe had made under other settings, and the files that come before its install.

        `earlier`: in the places where an earlier version made it.
        """
        home = self.opt / recipe
        name = BUILT.get(recipe, "build")
        self._fill(home / name)
        (home / "current").symlink_to(name)
        for link in ("venv", "virtualenv", "lib"):
            place = link if earlier else "lib-1" if link == "lib" else "venv-1"
            self._fill(home / place)
            if not earlier:
                (home / link).symlink_to(place)
        self._fill(home / "source")
        self._fill(home)
        for file in ("vgg19.caffemodel", "vgg19.pth"):
            (home / file).write_text("old")
        for row in render([recipe], target).steps[-1].files:
            if row["path"].startswith(PREFIX):
                path = Path(row["path"].replace(PREFIX, str(self.opt)))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(row["content"])

    @staticmethod
    def _fill(folder: Path) -> None:
        for file in INSIDE:
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("old")
            path.chmod(0o755)

    def seen(self, recipe: str) -> dict[str, bytes | str]:
        """Return all that stands there of a recipe: files with their bytes, links with where they lead."""
        paths = (self.opt / recipe).rglob("*")
        return {
            str(path): str(path.readlink()) if path.is_symlink() else path.read_bytes()
            for path in paths
            if path.is_symlink() or path.is_file()
        }

    def install(self, recipe: str, target: Target) -> subprocess.CompletedProcess[str]:
        """Run the install script of a recipe."""
        bundle = render([recipe], target)
        for name, body in PROGRAMS.items():
            write_program(self.folder / "bin" / name, body)
        for owner, path in (("python2", "make-venv"), ("pytorch", "venv/bin/python")):
            if owner != recipe:
                (self.opt / owner / path).parent.mkdir(parents=True, exist_ok=True)
                write_program(self.opt / owner / path, PYTHON)
        (self.opt / "cudnn" / "current").mkdir(parents=True, exist_ok=True)
        places = {PREFIX: str(self.opt), "/usr/local": str(self.folder / "local"), "${0%/*}": str(self.folder)}
        known = re.compile("|".join(map(re.escape, places)))
        for name, text in (("lib.sh", bundle.lib), ("install", bundle.steps[-1].install)):
            (self.folder / name).write_text(known.sub(lambda found: places[found[0]], text))
        own = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "GPURIG_HOME": str(self.folder)}
        return subprocess.run(
            ["bash", str(self.folder / "install")],
            env={**os.environ, **own, "HOME": str(self.folder), "GIT_ALLOW_PROTOCOL": "file"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
