"""Write a network of VGG-19's shape with random weights, in Caffe's format: `python3 caffemodel.py FILE`; 80 MB.

It has the convolutions and no classifier, which style transfer does not compute. Standard library only: it runs on the
box. The numbers of fields and types are those of caffe.proto (NetParameter, V1LayerParameter, BlobProto).
"""

from __future__ import annotations

import array
import random
import sys
from pathlib import Path

WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512)
"""Channels that each convolution makes; 0: pooling to half the size."""
CONVOLUTION, POOLING, RELU = 4, 17, 18


def varint(value: int) -> bytes:
    """Return a number in protobuf's way: seven bits a byte, the last byte without the eighth."""
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + varint(value >> 7)


def field(number: int, value: int | bytes) -> bytes:
    """Return one field of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def blob(shape: tuple[int, int, int, int], deviation: float) -> bytes:
    """Return weights: one block of normally distributed numbers over and over, of no length that shapes divide."""
    numbers = random.Random(shape[1])  # noqa: S311 - weights, not secrets
    block = array.array("f", (numbers.gauss(0, deviation) for _ in range(65521))).tobytes()
    size = 4 * shape[0] * shape[1] * shape[2] * shape[3]
    data = (block * (size // len(block) + 1))[:size]
    return b"".join(field(i, side) for i, side in enumerate(shape, 1)) + field(5, data)


def layer(name: str, kind: int, rest: bytes = b"") -> bytes:
    """Return one layer of the network."""
    return field(2, field(4, name.encode()) + field(5, kind) + rest)


def model() -> bytes:
    """Return the whole network."""
    parts, block, index, channels = [field(1, b"random VGG-19")], 1, 1, 3
    for width in WIDTHS:
        if not width:
            parts.append(layer(f"pool{block}", POOLING, field(19, field(2, 2) + field(3, 2))))
            block, index = block + 1, 1
            continue
        blobs = blob((width, channels, 3, 3), (2 / (9 * channels)) ** 0.5), blob((1, 1, 1, width), 0)
        shape = field(10, field(1, width) + field(3, 1) + field(4, 3))
        parts.append(layer(f"conv{block}_{index}", CONVOLUTION, b"".join(field(6, b) for b in blobs) + shape))
        parts.append(layer(f"relu{block}_{index}", RELU))
        channels, index = width, index + 1
    return b"".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(model())
