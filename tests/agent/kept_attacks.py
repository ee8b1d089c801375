"""What somebody does who can write to the job volume: parts added to kept builds, all sums right, or signed too."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from provision.agent.words import kept_message
from provision.transport import builder_key
from tests.agent.kept_lab import next_box, seal
from tests.kit.host import Lab


def add(folder: Path, members: list[tarfile.TarInfo], **row: Any) -> None:
    """Add a part to an entry as somebody would who can write there: with all sums right."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    add_bytes(folder, packed.getvalue(), **row)


def add_bytes(folder: Path, content: bytes, **row: Any) -> None:
    data = subprocess.run(["zstd", "-qc"], input=content, capture_output=True, check=True).stdout
    (folder / "evil").write_bytes(data)
    text = (folder / "index.json").read_text().partition("\n")[2]
    index = json.loads(text)
    index["rows"].append({"part": "evil", "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), **row})
    text = json.dumps(index)
    (folder / "index.json").write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")


def sign(folder: Path, **user: str) -> None:
    """Sign an entry as it is now, as a box would have it that lies about what it built."""
    digest = (folder / "index.json").read_text().partition("\n")[0]
    key = user.get("key", str(builder_key.path()))
    words = ["ssh-keygen", "-Y", "sign", "-f", key, "-n", user.get("purpose", "kept@gpurig")]
    message = kept_message(user.get("name", folder.name), digest)
    done = subprocess.run(words, input=message.encode(), capture_output=True, check=True)
    (folder / "signature").write_bytes(done.stdout)


def member(name: str, **fields: Any) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    for key, value in {"mode": 0o644, "size": 0, **fields}.items():
        setattr(found, key, value)
    return found


def inside(box: Lab, name: str, tree: str = "tool") -> str:
    """Return the name of something in the tree that a recipe keeps, as an archive has it."""
    return os.path.normpath(box.world / "opt" / tree / name).lstrip("/")


def attacked(box: Lab, attacks: list[Callable[[Path, str], None]]) -> list[str]:
    """Do something to a kept build each, and set all of them up on the next box; returns what the logs say.

    An attack gets the entry's folder and the name of its tree.
    """
    names = [f"tree{number}" for number in range(len(attacks))]
    for name in names:
        body = f"[ -e opt/{name}/file ] || {{ mkdir -p opt/{name}/bin; echo {name} > opt/{name}/file; }}"
        box.recipe(name, f'needs = ["base"]\nkeeps = ["{box.world}/opt/{name}"]', body=body)
    bundle = box.bundle(*names)
    for event in box.ask("apply", bundle):
        if event["event"] == "offer":
            seal(box, builder_key.signatures(event["entries"], bundle))
    for name, attack in zip(names, attacks, strict=True):
        (folder,) = (Path(box.target.mount_point) / ".gpurig" / "kept").glob(f"{name}-built-*")
        attack(folder, name)
    next_box(box)
    assert box.ask("apply", bundle)[-1]["event"] == "ready"
    assert not list(box.world.rglob(".gpurig-kept"))
    return [(box.home / "logs" / f"{name}.log").read_text() for name in names]
