"""What somebody does who may write into the bucket of kept builds, and why a box does not take what he left there."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from provision.agent.words import kept_message
from provision.transport import builder_key
from tests.agent.bucket_lab import NAME, Shared


@dataclasses.dataclass(frozen=True)
class Attacked:
    """The build of one recipe in the bucket; `folder`: a place for keys."""

    shared: Shared
    name: str
    folder: Path

    def each(self, files: str, change: Callable[[bytes], bytes]) -> None:
        """Change each file of a name, or each part ("")."""
        found = [key for key in self.shared.files(self.name) if self._is(key.rpartition("/")[2], files)]
        assert found
        for key in found:
            self.shared.change(key, change)

    def _is(self, file: str, wanted: str) -> bool:
        return file == wanted if wanted else len(file) == 64

    def read(self, key: str) -> bytes:
        body: bytes = self.shared.s3.get_object(Bucket=NAME, Key=f"gpurig/{key}")["Body"].read()
        return body

    def without_parts(self) -> None:
        for key in self.shared.files(self.name):
            if self._is(key.rpartition("/")[2], ""):
                self.shared.s3.delete_object(Bucket=NAME, Key=f"gpurig/{key}")

    def signed_by_a_stranger(self) -> None:
        stranger = self.folder / "stranger"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
        build, digest, _ = self.shared.files(self.name)[0].split("/")
        self.each("signature", lambda _: sign(digest, stranger, build))

    def another_index(self) -> None:
        """Put an index there, its own sum right, that nobody has signed."""
        text = json.dumps({"rows": [], "folders": []})
        self.each("index.json", lambda _: f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}".encode())

    def elsewhere(self) -> None:
        """A box lies, and its user signs: a part by a path of its own."""
        files = {key.rpartition("/")[2]: self.read(key) for key in self.shared.files(self.name)}
        build, old, _ = self.shared.files(self.name)[0].split("/")
        index = json.loads(files["index.json"].decode().partition("\n")[2])
        index["rows"][0]["part"] = "../../../outside"
        text = json.dumps(index)
        digest = hashlib.sha256(text.encode()).hexdigest()
        files["index.json"] = f"{digest}\n{text}".encode()
        files["signature"] = sign(digest, builder_key.path(), build)
        for file, body in files.items():
            self.shared.s3.delete_object(Bucket=NAME, Key=f"gpurig/{build}/{old}/{file}")
            self.shared.s3.put_object(Bucket=NAME, Key=f"gpurig/{build}/{digest}/{file}", Body=body)


def sign(digest: str, key: Path, name: str) -> bytes:
    """Sign a build with a key."""
    words = ["ssh-keygen", "-Y", "sign", "-f", str(key), "-n", "kept@gpurig"]
    return subprocess.run(words, input=kept_message(name, digest).encode(), capture_output=True, check=True).stdout


ATTACKS: list[tuple[Callable[[Attacked], None], str]] = [
    (lambda it: it.each("", lambda body: bytes([body[0] ^ 1]) + body[1:]), "the checksum of part"),
    (lambda it: it.each("", lambda body: body[:-1]), "the checksum of part"),
    (lambda it: it.each("", lambda body: body + b"x"), "it is longer than it was when it was signed"),
    (Attacked.without_parts, "a file of it is not there"),
    (lambda it: it.each("index.json", lambda body: body + b" "), "its index is not what was written"),
    (Attacked.elsewhere, "its index names parts as no box does"),
    (Attacked.signed_by_a_stranger, ""),
]
"""What is done, and why the box says that it takes nothing of it; "": the user's own machine did not lend it."""
