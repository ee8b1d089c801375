"""Write a bundle as cloud-init user-data: the same bytes at first boot that SSH would carry later."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

from provision.bundle import HOME
from provision.errors import BadInput

if TYPE_CHECKING:
    from provision.bundle import Bundle

LIMIT = 16 * 1024
"""Most bytes of user-data that EC2 takes, before base64 (EC2 User Guide, "Run commands when you launch")."""

# cloud-init runs this with /bin/sh and without -e: one line that hands over to the runner, nothing more.
_START = (
    f"""exec python3 -c 'import json; n = {{}}; exec(json.load(open("{HOME}/bundle.json"))["runner"], n); """
    """n["boot"]()'"""
)


def cloud_config(bundle: Bundle) -> str:
    """Return the cloud-config as text."""
    # The bundle is one line of JSON: as a YAML block it needs no quotes of quotes, which is 500 bytes after gzip.
    return "\n".join(
        [
            "#cloud-config",
            "write_files:",
            f"- path: {HOME}/bundle.json",
            "  permissions: '0600'",
            "  content: |-",
            f"    {bundle.to_bytes().decode('ascii')}",
            "runcmd:",
            f"- {json.dumps(_START)}",
            "",
        ]
    )


def user_data(bundle: Bundle, *, limit: int = LIMIT) -> bytes:
    """Return the user-data, gzip-compressed and the same for the same bundle. Raises `BadInput` above `limit` bytes."""
    # Not gzip.compress: its header differs from one Python to the next. zlib's has no clock either.
    data = zlib.compress(cloud_config(bundle).encode("ascii"), level=9, wbits=31)
    if len(data) > limit:
        message = f"user-data for {bundle.name} has {len(data)} bytes; EC2 takes {limit}"
        raise BadInput([message], hint='set bootRecipe to "base" and install the rest with `fab setup`')
    return data
