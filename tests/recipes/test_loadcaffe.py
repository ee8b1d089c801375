"""loadcaffe lies beside Torch: a build that fails leaves the one before it, and a Torch built anew finds it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provision.model.target import Target
from tests.recipes.again_lab import DELETES, Again

# th, as far as the recipes ask it: one sum, and what LUA_PATH names or, for an empty name there, its own folder.
TH = r"""#!/bin/bash
case "$2" in
  *fill*) printf 6 ;;
  *loadcaffe*)
    IFS=";" read -ra patterns <<<"${LUA_PATH:-}"
    for pattern in "${patterns[@]:-}"; do
      pattern=${pattern:-${0%/bin/th}/share/lua/5.1/?/init.lua}
      [[ ! -e "${pattern/\?/loadcaffe}" ]] || exit 0
    done
    echo "module 'loadcaffe' not found" >&2
    exit 1 ;;
esac
"""
MAKES = f"""{DELETES}
mkdir -p "$tree/share/lua/5.1/loadcaffe" "$tree/lib/lua/5.1"
touch "$tree/share/lua/5.1/loadcaffe/init.lua" "$tree/lib/lua/5.1/libloadcaffe.so"
echo luarocks >>"${{0%/bin/*}}/builds"
"""
BUILD_TORCH = "mkdir -p install/bin && cp th install/bin/th"


@dataclasses.dataclass(frozen=True)
class Lab:
    """A host without a GPU, and sources of Torch and of loadcaffe beside it."""

    again: Again
    target: Target

    def set_up(self, recipe: str) -> None:
        done = self.again.install(recipe, self.target)
        assert done.returncode == 0, done.stdout + done.stderr

    def verify(self) -> str:
        """Return what is not so of loadcaffe; "" where all is."""
        done = self.again.verify("loadcaffe", self.target)
        assert (done.returncode == 0) is (done.stderr == "")
        return done.stderr

    def lose_torch(self) -> None:
        """Let the Torch that there is compute no more."""
        (self.again.opt / "torch7/current/install/bin/th").unlink()

    @property
    def builds(self) -> int:
        """How often loadcaffe was built."""
        return len((self.again.folder / "builds").read_text().splitlines())


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A host on which both are installed."""
    again = Again(tmp_path, programs={"luarocks": MAKES})
    mirrors = again.origin("torch7", {"install.sh": BUILD_TORCH, "th": TH}, "cuda10")
    again.origin("loadcaffe", {"init.lua": "", "loadcaffe-1.0-0.rockspec": ""})
    lab = Lab(again, Target(gpu="none", mirrors=mirrors, unpinned=("loadcaffe", "torch7")))
    (again.opt / "torch7").mkdir(parents=True)
    for patch in ("cutorch", "cunn"):
        (again.opt / "torch7" / f"{patch}.patch").touch()
    lab.set_up("torch7")
    lab.set_up("loadcaffe")
    assert lab.verify() == ""
    return lab


def test_a_torch_built_anew_loads_what_was_built_before(lab: Lab) -> None:
    before = (lab.again.opt / "torch7/current").readlink()
    lab.lose_torch()
    lab.set_up("torch7")
    assert (lab.again.opt / "torch7/current").readlink() != before
    assert lab.verify() == ""
    lab.set_up("loadcaffe")
    assert lab.builds == 1, "it is not built again"


def test_for_a_torch_of_another_source_it_is_built_anew(lab: Lab) -> None:
    lab.again.origin("torch7", {"README": "another"}, "cuda10")
    lab.lose_torch()
    lab.set_up("torch7")
    assert "it is built for the source of this Torch" in lab.verify()
    lab.set_up("loadcaffe")
    assert (lab.verify(), lab.builds) == ("", 2)


def test_what_an_earlier_version_put_into_torchs_tree_is_not_taken_for_it(lab: Lab) -> None:
    for path in (lab.again.opt / "loadcaffe").glob("*/tree/lib/lua/5.1/libloadcaffe.so"):
        path.unlink()
    own = lab.again.opt / "torch7/current/install/share/lua/5.1/loadcaffe"
    own.mkdir(parents=True)
    (own / "init.lua").touch()
    assert "its library and its Lua are there" in lab.verify()
    lab.set_up("loadcaffe")
    assert (lab.verify(), lab.builds) == ("", 2)
