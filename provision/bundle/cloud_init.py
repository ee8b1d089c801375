"""Write a bundle as cloud-init user-data, with the part of the program that a boot needs."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import zlib
from typing import TYPE_CHECKING

from provision.agent.paths import GUARD_PROGRAM
from provision.agent.paths import MACHINE_HOME as HOME
from provision.bundle import program
from provision.bundle.kept import BASE
from provision.model.errors import BadInput, GpurigError

if TYPE_CHECKING:
    from provision.bundle.step import Bundle

LIMIT = 16 * 1024
"""Most bytes of user-data that EC2 takes, before base64 (EC2 User Guide, "Run commands when you launch")."""

BOOT = f"{HOME}/agent/boot"
"""The folder of the program that user-data brings."""
# cloud-init runs this with /bin/sh and without -e: one line that hands over to the program, nothing more.
_START = f"cd {BOOT} && exec python3 -c 'from provision.agent.setup import boot; boot()'"

# Once in an instance's life, before the modules that write keys and long before the first service. All else is packed:
# of what is left outside, nothing is made small by what it is like. Argument: `_payload`.
_OPEN = """\
import base64,json,lzma,sys
text=lzma.decompress(base64.b64decode(sys.argv[1])).decode()
packed=json.loads(text.replace("\\1",'\\\\"').replace("\\2","\\\\\\\\"),strict=False)
exec(packed[0])"""
_BYTES = {"n": "\n", '"': "\1", "\\": "\2"}
"""What JSON writes as two characters in most lines of a program, and goes as one: 140 bytes less."""
# First of all, before anything that can fail: the guard is there and on. An image of another box (`fab bake`) has that
# box's; and it has what is that box's own, and is forgotten last.
_UNPACK = f"""\
import os,shutil,subprocess
code,forget,modules,bundle=packed
def put(path,text,mode="600"):
 os.makedirs(os.path.dirname(path),exist_ok=True)
 with open(path,"w",encoding="utf-8") as file:
  os.fchmod(file.fileno(),int(mode,8))
  file.write(text)
for step in bundle["steps"]:
 for file in step["files"] if step["name"]=="{BASE}" else ():
  put(file["path"],file["content"],file["mode"])
if os.path.exists("{GUARD_PROGRAM}"):
 subprocess.call(["{GUARD_PROGRAM}","arm"])
shutil.rmtree("{BOOT}",ignore_errors=True)
for path in modules:
 put("{BOOT}/"+path,modules[path])
put("{HOME}/bundle.json",json.dumps(bundle,sort_keys=True,separators=(",",":")))
subprocess.call(["sh","-c",forget])
"""
# Its runs and logs, how long it was to stay awake, the keys that it lets in, its machine id. Any other image has no
# marks of steps. Without `set -e`: a box that keeps an old log is better than one that does not come up.
_FORGET = f"""\
cd {HOME} && [ -e marks ] || exit 0
rm -rf journal.jsonl logs pending.json ready.json formatting-* awake stops.jsonl
rm -f /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys
tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
ln -sf /etc/machine-id /var/lib/dbus/machine-id
rm -rf /var/log/journal/*
find /var/log -type f -exec truncate -s 0 {{}} +
systemctl restart systemd-journald
"""


def cloud_config(bundle: Bundle) -> str:
    """Return the cloud-config as text."""
    # There is no room for what keeps builds, nor for how to take things off again: the first `fab setup` brings both.
    # Nor for what has steps go at once: of what a box boots into each needs the one before it.
    steps = tuple(dataclasses.replace(step, key="", keeps=(), undo="") for step in bundle.steps)
    lib = bundle.lib.replace("# shellcheck shell=bash\n", "")
    bundle = dataclasses.replace(bundle, steps=steps, lib=lib, kept=None, in_turn=True)
    first = ["cloud-init-per", "instance", "gpurig", "python3", "-c", _OPEN, _payload(bundle)]
    return f"#cloud-config\nbootcmd:\n- {json.dumps(first)}\nruncmd:\n- {json.dumps(_START)}\n"


def _payload(bundle: Bundle) -> str:
    """Return all that a box boots with, packed as a word. The box writes the bundle as `to_bytes` does.

    Raises `GpurigError` where this Python cannot pack.
    """
    try:
        import lzma  # noqa: PLC0415 - a Python that somebody has compiled may lack it
    except ImportError as error:
        raise GpurigError(
            "this Python has no module lzma, which packs what a box boots with",
            hint="take your system's python3, or compile this one again where the headers of liblzma are",
        ) from error
    document = [_UNPACK, _FORGET, program.boot_files(), json.loads(bundle.to_bytes())]
    packed = re.sub(r"\\(.)", lambda pair: _BYTES.get(pair[1], pair[0]), json.dumps(document, separators=(",", ":")))
    # It is text, without words of 4 bytes; and the box need not reserve 64 MiB to unpack it.
    filters = [{"id": lzma.FILTER_LZMA1, "preset": 9 | lzma.PRESET_EXTREME, "pb": 0, "dict_size": 2**20}]
    return base64.b64encode(lzma.compress(packed.encode(), lzma.FORMAT_ALONE, filters=filters)).decode()


def user_data(bundle: Bundle, *, limit: int = LIMIT) -> bytes:
    """Return the user-data, gzip-compressed and the same for the same bundle. Raises `BadInput` above `limit` bytes."""
    # Not gzip.compress: its header differs from one Python to the next. zlib's has no clock either.
    data = zlib.compress(cloud_config(bundle).encode("ascii"), level=9, wbits=31)
    if len(data) > limit:
        message = f"user-data for {bundle.name} has {len(data)} bytes; EC2 takes {limit}"
        raise BadInput([message], hint='set bootRecipe to "base" and install the rest with `fab setup`')
    return data
