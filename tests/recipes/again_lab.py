"""A host on which a recipe's install script runs once more: what it had made stands there, and nothing new can be had.

Every program that would install, build or fetch is this test's own, and so are /opt/gpurig, /usr/local,
and /etc/apt.
"""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from provision.agent.paths import PREFIX
from provision.bundle.render import render
from provision.catalogue.catalogue import Catalogue
from provision.model.target import Target
from tests.kit.programs import write_program

CATALOGUE = Catalogue()
NEVER = 'echo "$0 $*: it cannot be had" >&2; exit 1'
PYTHON = f"""
case "$*" in
  *" venv "*) mkdir -p "${{@: -1}}/bin"; cp "$0" "${{@: -1}}/bin/python" ;;
  *"--version") ;;
  *" pip "*) {NEVER} ;;
  /*) mkdir -p "$1/bin" "$1/lib/python2.7/site-packages"; cp "$0" "$1/bin/python" ;;
  *) echo 3.11 ;;
esac"""
DELETES = f"""
tree={PREFIX}/torch7/current/install
for word; do [[ "$word" != --tree=* ]] || tree=${{word#*=}}; done
rm -rf "$tree/share/lua/5.1/loadcaffe" "$tree/lib/lua/5.1/libloadcaffe.so"
"""
"""What luarocks does before it builds (`repos.delete_version` in its build.lua)."""
PROGRAMS = {
    # All packages are there, whichever is asked for.
    "dpkg-query": 'for name in "${@:3}"; do echo "$name installed 1"; done',
    "nvcc": 'case "$*" in *--list-gpu-code) echo sm_75 sm_86 ;; *) echo "Cuda compilation tools, release 11.8" ;; esac',
    "python3": PYTHON,
    "systemctl": ":",
    "nvidia-smi": "echo 580.126.09",
    "sleep": ":",
    "luarocks": DELETES + NEVER,
    **dict.fromkeys(("apt-get", "curl", "cmake", "make", "ldconfig"), NEVER),
}
BUILT = {
    "caffe": "0.17.4-sm75",
    "torch7": "7-sm75",
    "loadcaffe": "1.0",
    "cudamat": "21baa0a-sm75",
    "conda": CATALOGUE.recipes["conda"].version,
    "cudnn": "uploaded",
}
"""What the folder is called that a recipe would build in, were none there."""
INSIDE = (
    *("gpurig", "build/gpurig", "build/tools/caffe", "python/caffe/_caffe.so", "cudamat/libcudamat.so", "bin/conda"),
    *("install/bin/th", "lib64/libcudnn.so.8", "include/cudnn.h", "file", "bin/python", "bin/virtualenv"),
    *("requirements.txt", "lib/python2.7/site-packages/x.py"),
    *("tree/share/lua/5.1/loadcaffe/init.lua", "tree/lib/lua/5.1/libloadcaffe.so"),
    *("install/share/lua/5.1/loadcaffe/init.lua", "install/lib/lua/5.1/libloadcaffe.so"),
)


@dataclasses.dataclass(frozen=True)
class Again:
    """A host in a folder."""

    folder: Path
    programs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Programs of a test's own, beside the usual ones."""

    @property
    def opt(self) -> Path:
        """What stands for /opt/gpurig."""
        return self.folder / "opt"

    def lay(self, recipe: str, target: Target, *, earlier: bool) -> None:
        """Put there what a recipe had made under other settings, and the files that come before its install.

        `earlier`: in the places where an earlier version made it.
        """
        if recipe == "loadcaffe":
            # With one in Torch's own tree, where an earlier version put it.
            self.lay("torch7", target, earlier=earlier)
            self._commit(self.opt / "torch7" / "current")
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

    def seen(self) -> dict[str, bytes | str]:
        """Return all that stands there: files with their bytes, links with where they lead."""
        paths = self.opt.rglob("*")
        return {
            str(path): str(path.readlink()) if path.is_symlink() else path.read_bytes()
            for path in paths
            if path.is_symlink() or path.is_file()
        }

    def origin(self, recipe: str, files: Mapping[str, str], *tags: str) -> dict[str, dict[str, str]]:
        """Make a repository of these files, or its next commit; returns the mirrors by which a recipe comes to it."""
        url = next(iter(CATALOGUE.recipes[recipe].sources.values()))["url"]
        origin = self.folder / url.removeprefix("https://")
        origin.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (origin / name).write_text(text)
            (origin / name).chmod(0o755)
        self._commit(origin, *tags)
        return {"git": {"https://": f"file://{self.folder}/"}}

    @staticmethod
    def _commit(folder: Path, *tags: str) -> None:
        git = ["git", "-C", str(folder), "-c", "user.name=test", "-c", "user.email=test@example.invalid"]
        tagged = (("tag", "-f", tag) for tag in tags)
        for words in (("init", "-q", "-b", "master"), ("add", "."), ("commit", "-qm", "one"), *tagged):
            subprocess.run([*git, *words], check=True, stdout=subprocess.DEVNULL)

    def install(self, recipe: str, target: Target) -> subprocess.CompletedProcess[str]:
        """Run the install script of a recipe."""
        for owner, path in (("python2", "make-venv"), ("pytorch", "venv/bin/python")):
            if owner != recipe:
                (self.opt / owner / path).parent.mkdir(parents=True, exist_ok=True)
                write_program(self.opt / owner / path, PYTHON)
        (self.opt / "cudnn" / "current").mkdir(parents=True, exist_ok=True)
        bundle = render([recipe], target)
        return self._run(bundle.lib, bundle.steps[-1].install)

    def verify(self, recipe: str, target: Target) -> subprocess.CompletedProcess[str]:
        """Run the verify script of a recipe."""
        bundle = render([recipe], target)
        return self._run(bundle.lib, bundle.steps[-1].verify)

    def _run(self, lib: str, script: str) -> subprocess.CompletedProcess[str]:
        places = {PREFIX: str(self.opt), "${0%/*}": str(self.folder)}
        places |= {path: f"{self.folder}{path}" for path in ("/usr/local", "/etc/apt")}
        known = re.compile("|".join(map(re.escape, places)))

        def here(text: str) -> str:
            return known.sub(lambda found: places[found[0]], text)

        for name, body in {**PROGRAMS, **self.programs}.items():
            write_program(self.folder / "bin" / name, here(body))
        for name, text in (("lib.sh", lib), ("script", script)):
            (self.folder / name).write_text(here(text))
        own = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "GPURIG_HOME": str(self.folder)}
        return subprocess.run(
            ["bash", str(self.folder / "script")],
            env={**os.environ, **own, "HOME": str(self.folder), "GIT_ALLOW_PROTOCOL": "file"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
