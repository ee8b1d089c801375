"""Pictures of more than 8 bits a channel, written as their formats have them, and made as the build does."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from datasets.build.picture import Job, Made, Shape, make

GREY, COLOUR, GREY_CLEAR, CLEAR = 0, 2, 4, 6
"""PNG's kinds of pictures."""
CHANNELS = {GREY: 1, COLOUR: 3, GREY_CLEAR: 2, CLEAR: 4}
RAMP = [0, 585, 1170, 1755, 2340, 2925, 3510, 4095]
EIGHT = [0, 36, 73, 109, 146, 182, 219, 255]
"""The same of 255 as those are of 4095, rounded."""


def png(
    path: Path, kind: int, values: Sequence[int], width: int = 8, height: int = 8, bits: int = 16, clear: bytes = b""
) -> None:
    """Write a picture of rows of `values`, the same in all channels; opaque where it has alpha; `clear`: tRNS."""
    samples = [
        [*[value] * (CHANNELS[kind] - 1), 65535] if kind in (GREY_CLEAR, CLEAR) else [value] * CHANNELS[kind]
        for value in values
    ]
    row = b"".join(struct.pack(">H" if bits == 16 else ">B", sample) for pixel in samples for sample in pixel)
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    chunked(path, header, zlib.compress((b"\0" + row) * height), clear)


def chunked(path: Path, header: bytes, data: bytes, clear: bytes = b"") -> None:
    """Write a PNG file of its header and compressed rows."""
    chunks = {b"IHDR": header, **({b"tRNS": clear} if clear else {}), b"IDAT": data, b"IEND": b""}
    parts = [
        struct.pack(">I", len(d)) + name + d + struct.pack(">I", zlib.crc32(name + d)) for name, d in chunks.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def tiff(path: Path, bits: int, data: bytes, *, kind: int = 1, channels: int = 1, planar: bool = False) -> None:
    """Write a TIFF file of 8 x 8 in one strip, or one for each plane; `kind`: PhotometricInterpretation."""
    planes = channels if planar else 1
    part = len(data) // planes
    rows = {256: [8], 257: [8], 258: [bits], 259: [1], 262: [kind], 277: [channels], 278: [8], 284: [1 + planar]}
    rows |= {273: [8 + number * part for number in range(planes)], 279: [part] * planes}
    after = 8 + len(data) + 2 + 12 * len(rows) + 4
    entries = lists = b""
    for tag, values in sorted(rows.items()):
        entries += struct.pack("<HHII", tag, 4, len(values), values[0] if len(values) == 1 else after + len(lists))
        lists += struct.pack(f"<{planes}I", *values) if len(values) > 1 else b""
    head = b"II*\0" + struct.pack("<I", 8 + len(data))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + data + struct.pack("<H", len(rows)) + entries + b"\0" * 4 + lists)


def made(source: Path, *, bits: int = 0, megapixels: int = 179) -> Made:
    """Make a picture as the build does, without its processes."""
    shape = Shape(8, "squash", grey=False, format="png", bits=bits, megapixels=megapixels)
    return make(Job(source, source.with_name(f"made-{source.stem}"), ("",), shape, source.parent.with_name("scaled")))


def grey_of(source: Path, **how: int) -> list[int]:
    """Return the first row of what a picture is made into."""
    done = made(source, **how)
    assert not done.broken
    with Image.open(source.with_name(f"made-{source.stem}.png")) as image:
        assert image.mode == "RGB"
        return [int(image.convert("L").getpixel((x, 0))) for x in range(8)]  # type: ignore[arg-type]


def near(got: list[int], wanted: list[int]) -> bool:
    return max(abs(a - b) for a, b in zip(got, wanted, strict=True)) <= 1
