"""Files that are archives by their first bytes, and stay packed."""

from __future__ import annotations

import os
import re

from datasets.get.foreign import ELSEWHERE
from datasets.messages import Failure, say

HEAD = 512
"""Bytes that tell what a file is."""
SIGNATURES = {
    "7z": rb"7z\xbc\xaf\x27\x1c",
    "rar": rb"Rar!\x1a\x07",
    "zip": rb"PK(\x03\x04|\x07\x08PK|00PK)",
    "gz": rb"\x1f\x8b\x08[\0-\x1f]",
    "bz2": rb"BZh[1-9](1AY&SY|\x17rE8P\x90)",
    "xz": rb"\xfd7zXZ\0",
    "zst": rb"\x28\xb5\x2f\xfd",
    "Z": rb"\x1f\x9d[\x89-\x90]",
    "lz4": rb"\x04\x22\x4d\x18",
    "lzip": rb"LZIP\x01",
    "lzo": rb"\x89LZO\0\r\n\x1a\n",
    "sz": rb"\xff\x06\0\0sNaPpY",
    "cab": rb"MSCF\0\0\0\0",
    "wim": rb"MSWIM\0\0\0",
    "xar": rb"xar!\0",
    "ace": rb".{7}\*\*ACE\*\*",
    "alz": rb"ALZ\x01",
    "egg": rb"EGGA\0\x01",
    "lha": rb"..-l[hz][0-9ds]-",
    "sit": rb"SIT!.{6}rLau|StuffIt \(c\)",
    "tar": rb".{257}ustar",
}
"""Kind of archive → what it begins with, a regular expression."""
_KINDS = {kind: re.compile(begin, re.DOTALL) for kind, begin in SIGNATURES.items()}
CONTAINERS = """
docx docm dotx xlsx xlsm xltx xlsb pptx pptm potx odt ods odp odg odf ott epub vsdx pages numbers key xps
jar war ear aar apk aab ipa xpi whl pyz nupkg vsix conda gem crate
npz pt pth ptl pt2 ckpt keras t7 model mar nemo pte skops joblib pkl pickle sav mlpackage task tflite
nii.gz mgz mnc.gz vcf.gz fastq.gz fq.gz fasta.gz fa.gz warc.gz bam bcf tbi csi bgz rds rda rdata mat slx mlx
kmz usdz 3mf amf fcstd blend ora kra sketch cbz cbr cb7 cbt svgz emz wmz dia mscz mxl apkg qgz unitypackage ova
"""
"""What the name of a file ends with that is an archive inside, and that programs want packed."""
_CONTAINERS = tuple(f".{ending}" for ending in CONTAINERS.split())
SHOWN = 20
"""Files by name in a line."""


def kind_of_bytes(head: bytes) -> str:
    """Return the kind of archive that a file is by its first bytes, "" for none."""
    return next((kind for kind, begin in _KINDS.items() if begin.match(head)), "")


def check_kind(name: str, head: bytes, kind: str) -> None:
    """Raise `Failure` where an archive is by its first bytes of another kind than its name says."""
    found, wanted = kind_of_bytes(head), kind.rpartition(".")[2]
    if found and found != wanted and (found, wanted) != ("Z", "gz"):
        hint = "what has arrived is kept; --keep takes it as it is; then, in its folder on the host, for most kinds"
        problem = f"{name} is no {wanted} but {found} by its first bytes, whatever its name says"
        raise Failure(problem, f"{hint}: {ELSEWHERE} {os.path.basename(name)}")  # noqa: PTH119


class Packed:
    """The archives among files that stay as they are."""

    def __init__(self) -> None:
        self._count = 0
        self._shown: list[str] = []
        self._first = ""

    def note(self, name: str, head: bytes) -> None:
        """Look at a file's first bytes; those of a format that has an archive inside are no archives to the user."""
        kind = kind_of_bytes(head)
        if not kind or name.lower().endswith(_CONTAINERS):
            return
        self._count += 1
        self._first = self._first or name
        if len(self._shown) < SHOWN:
            self._shown.append(f"{name} ({kind})")

    def say(self, archive: str = "") -> None:
        """Name them; `archive`: which one holds them, where they did not come by themselves."""
        if not self._count:
            return
        many = self._count > 1
        what = f"{self._count:,} archives" if many else "1 archive"
        stay = "stay" if many else "stays"
        more = f", and {self._count - SHOWN:,} more" if self._count > SHOWN else ""
        where = (
            f"{archive}: it holds {what}, which {stay} packed" if archive else f"{what} by first bytes {stay} packed"
        )
        way = f"on the host, for most: {ELSEWHERE} {os.path.basename(self._first)}"  # noqa: PTH119
        say(f"{where}: {', '.join(self._shown)}{more}; {way}")
