"""Write a bundle as cloud-init user-data, with the part of the program that a boot needs."""

from __future__ import annotations

import dataclasses
import json
import zlib
from typing import TYPE_CHECKING

from provision.agent.paths import MACHINE_HOME as HOME
from provision.agent.paths import VOLUME_SCRIPT
from provision.bundle import program
from provision.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.bundle.step import Bundle

LIMIT = 16 * 1024
"""Most bytes of user-data that EC2 takes, before base64 (EC2 User Guide, "Run commands when you launch")."""

BOOT = f"{HOME}/agent/boot"
"""The folder of the program that user-data brings."""
# cloud-init runs this with /bin/sh and without -e: one line that hands over to the program, nothing more.
_START = f"cd {BOOT} && exec python3 -c 'from provision.agent.setup import boot; boot()'"

# Once in an instance's life, before the modules that write keys and long before the first service. An image of another
# box (`fab bake`) brings what is that box's own: its runs and logs, the keys that it lets in, its machine id, and the
# id of a volume that will never come. Arguments: the program's folder, the line of the volume's id. Any other image has
# no such folder. Without `set -e`: a box that keeps an old log is better than one that does not come up.
_FORGET = """\
cd "$0" 2>/dev/null || exit 0
rm -rf journal.jsonl logs pending.json ready.json formatting-* agent/boot
sed -i "s/^volume_id=.*/$1/" %s
rm -f /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys
tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
ln -sf /etc/machine-id /var/lib/dbus/machine-id
rm -rf /var/log/journal/*
find /var/log -type f -exec truncate -s 0 {} +
systemctl restart systemd-journald
"""


def cloud_config(bundle: Bundle) -> str:
    """Return the cloud-config as text."""
    forget = [
        "cloud-init-per",
        "instance",
        "gpurig",
        "sh",
        "-c",
        _FORGET % VOLUME_SCRIPT,
        str(HOME),
        _volume_line(bundle),
    ]
    modules = {f"{BOOT}/{path}": text for path, text in program.boot_files().items()}
    written = {f"{HOME}/bundle.json": bundle.to_bytes().decode("ascii"), **modules}
    return "\n".join(
        [
            "#cloud-config",
            "bootcmd:",
            f"- {json.dumps(forget)}",
            "write_files:",
            *(line for path, text in written.items() for line in _file(path, text)),
            "runcmd:",
            f"- {json.dumps(_START)}",
            "",
        ]
    )


def _file(path: str, text: str) -> Iterator[str]:
    """Yield the lines of a file to write. As a YAML block it needs no quotes of quotes: 500 bytes less after gzip."""
    yield from (f"- path: {path}", "  permissions: '0600'", "  content: |-")
    yield from (f"    {line}" for line in text.splitlines())


def _volume_line(bundle: Bundle) -> str:
    """Return the line by which the script of the job volume knows the box's own; "&", to sed: as it is, without one."""
    files = (file for step in bundle.steps for file in step.files if file["path"] == VOLUME_SCRIPT)
    lines = (line for file in files for line in file["content"].splitlines())
    return next((line for line in lines if line.startswith("volume_id=")), "&")


def user_data(bundle: Bundle, *, limit: int = LIMIT) -> bytes:
    """Return the user-data, gzip-compressed and the same for the same bundle. Raises `BadInput` above `limit` bytes."""
    # There is no room for what keeps builds: the first `fab setup` brings it.
    steps = tuple(dataclasses.replace(step, key="", keeps=()) for step in bundle.steps)
    bundle = dataclasses.replace(bundle, steps=steps, kept=None)
    # Not gzip.compress: its header differs from one Python to the next. zlib's has no clock either.
    data = zlib.compress(cloud_config(bundle).encode("ascii"), level=9, wbits=31)
    if len(data) > limit:
        message = f"user-data for {bundle.name} has {len(data)} bytes; EC2 takes {limit}"
        raise BadInput([message], hint='set bootRecipe to "base" and install the rest with `fab setup`')
    return data
