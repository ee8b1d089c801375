"""A machine with an NVIDIA card, whose card and driver are stand-ins: nodes in a /dev of its own, and what answers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from rehearsal.site import ROOT
from tests.kit.programs import write_program

# A /dev of our own, in a mount namespace: with what programs need, and a card's nodes.
_DEVICES = """
set -e
mkdir {here}/dev
mount -t tmpfs tmpfs {here}/dev
for name in null zero full random urandom tty fuse loop-control; do
  [ -e /dev/$name ] || continue
  touch {here}/dev/$name
  mount --bind /dev/$name {here}/dev/$name
done
mkdir {here}/dev/pts {here}/dev/shm
mount --rbind /dev/pts {here}/dev/pts
mount --bind /dev/shm {here}/dev/shm
ln -s /proc/self/fd {here}/dev/fd
ln -s pts/ptmx {here}/dev/ptmx
mknod {here}/dev/nvidia0 c 1 3
mknod {here}/dev/nvidiactl c 1 3
{loops}
mount --move {here}/dev /dev
exec "$@"
"""
# A box's disks are loop devices, which are made as they are asked for.
_LOOPS = "for number in $(seq 0 63); do mknod {here}/dev/loop$number b 7 $number; done"
_SMI = """
declare -A of=([name]="{name}" [driver_version]={driver} [compute_cap]={compute} [memory.total]=143771 [memory.used]=9
  [utilization.gpu]=5 [temperature.gpu]=40 [mig.mode.current]=Disabled [power.draw]=100.0)
for word; do case $word in --query-gpu=*) wanted=${{word#*=}} ;; esac; done
[[ -n "${{wanted:-}}" ]] || {{ echo "GPU 0: {name} (UUID: GPU-1)"; exit 0; }}
IFS=,
for field in $wanted; do said="${{said:+$said, }}${{of[$field]:-[N/A]}}"; done
echo "$said"
"""


def run(folder: Path, *words: str, name: str, compute: str, driver: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the project on such a machine; `folder` is for what makes it one."""
    made = folder / "driver"
    (made / "lib").mkdir(parents=True)
    for library in ("libcuda", "libnvidia-ml"):
        path = made / "lib" / f"{library}.so.{driver}"
        build = ["gcc", "-shared", "-x", "c", "/dev/null", f"-Wl,-soname,{library}.so.1", "-o", str(path)]
        subprocess.run(build, check=True)
    write_program(made / "bin" / "nvidia-smi", _SMI.format(name=name, compute=compute, driver=driver))
    write_program(folder / "in", _DEVICES.format(here=folder, loops=_LOOPS.format(here=folder)))
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", str(folder / "in"), *words],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{made / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
