"""A host with a job volume that keeps builds, and boxes that come after it."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

from provision.model.target import Target
from provision.transport import builder_key
from tests.kit.host import Lab

BUILD = """
mkdir -p opt/tool/bin usr/share/tool etc
[ -e opt/tool/bin/tool ] || {
  echo build >> said; head -c 5000000 /dev/urandom > opt/tool/bin/large
  echo v1 > opt/tool/bin/tool; chmod 0751 opt/tool/bin/tool; ln -f opt/tool/bin/tool opt/tool/bin/other
  ln -sfn bin opt/tool/current
}
echo doc > usr/share/tool/doc; ln -f usr/share/tool/doc usr/share/tool/other; mkdir -p usr/share/tool/empty
echo set > etc/setting
"""
INSTALLS = (
    'say_deb() { echo "$PWD/$1" | sh -c "$(sed -n \'s/^DPkg::Pre-Install-Pkgs:: "\\(.*\\)";$/\\1/p\' "$APT_CONFIG")"; }'
)
"""What apt does with its configuration once it has all that it installs (apt.conf(5)): it tells it to a command."""
NEEDED = "test -e opt/tool/bin/tool && test -e usr/share/tool/doc"


def prepare(lab: Lab, jobs: Path) -> None:
    """Give a host a root file system that is a folder, a job volume beside it, and a recipe that builds."""
    jobs.mkdir()
    lab.target = Target(mount_point=str(jobs))
    lab.account = {"mount_point": str(jobs)}
    lab.builders = [builder_key.public()]
    lab.more["GPURIG_ROOT"] = str(lab.world)
    lab.recipe("base")
    recipe(lab)


def recipe(lab: Lab, body: str = BUILD, *, verify: str = NEEDED, toml: str = "") -> None:
    keeps = f'keeps = ["{lab.world}/opt/tool"]'
    lab.recipe("tool", f'needs = ["base"]\n{keeps}\n{toml}', body=body, verify=verify)


def kept(lab: Lab, pattern: str = "*") -> list[str]:
    """Return what the job volume keeps, without the keys."""
    folder = Path(lab.target.mount_point) / ".gpurig" / "kept"
    return sorted("-".join(path.name.split("-")[:2]) for path in folder.glob(pattern))


def entry(lab: Lab, kind: str) -> Path:
    (found,) = (Path(lab.target.mount_point) / ".gpurig" / "kept").glob(f"tool-{kind}-*")
    return found


def next_box(lab: Lab) -> None:
    """Lose the machine; the job volume is what stays."""
    lab.clean_up()
    shutil.rmtree(lab.home)
    shutil.rmtree(lab.profile, ignore_errors=True)
    shutil.rmtree(lab.world)
    lab.world.mkdir()


def setup(lab: Lab, *, signs: bool = True, **fields: bool) -> str:
    """Set the recipe up, and have what it kept signed as `fab` does; returns what of it came from the job volume."""
    bundle = lab.bundle("tool")
    events = lab.ask("apply", bundle, **fields)
    assert events[-1]["event"] == "ready", events
    for event in events if signs else ():
        if event["event"] == "offer":
            seal(lab, builder_key.signatures(event["entries"], bundle))
    (done,) = [event for event in events if event.get("step") == "tool" and event.get("state") == "installed"]
    return str(done.get("kept", ""))


def seal(lab: Lab, signatures: dict[str, str]) -> list[str]:
    """Hand signatures to the box; returns the entries that have one now."""
    (answer,) = lab.ask("seal", signatures=signatures, shares=False)
    return list(answer["entries"])


def said(lab: Lab) -> str:
    return (lab.home / "logs" / "tool.log").read_text()


def tree(top: Path) -> dict[str, tuple[object, ...]]:
    """Return all that there is to know about the files below a folder."""
    rows: dict[str, tuple[object, ...]] = {}
    for path in sorted(top.rglob("*")):
        seen = path.lstat()
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        time = seen.st_mtime_ns // 10**9 if stat.S_ISREG(seen.st_mode) else 0
        rows[str(path.relative_to(top))] = (seen.st_mode, seen.st_uid, seen.st_gid, seen.st_nlink, time, content)
    return rows
