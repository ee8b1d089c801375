"""Write the convolutions of a VGG-19 of Caffe's as neural-style reads them: `convert.py vgg19.caffemodel vgg19.pth`.

A caffemodel is a protocol buffer: fields of a number and a type each, one inside the other (caffe.proto, the messages
NetParameter, V1LayerParameter and BlobProto). Channels stay blue, green, red, and means stay to be subtracted, as
neural-style expects.
"""

from __future__ import annotations

import collections
import sys
from pathlib import Path

import torch

LAYERS, NAME, BLOBS = 2, 4, 6
SHAPE, DATA = (1, 2, 3, 4), 5
CONVOLUTIONS = [f"conv{block}_{i}" for block, size in enumerate((2, 2, 4, 4, 4), 1) for i in range(1, size + 1)]
CLASSIFIER = {0: (4096, 25088), 3: (4096, 4096), 6: (1000, 4096)}


def number(view: memoryview, at: int) -> tuple[int, int]:
    """Return the varint at an offset, and the offset after it."""
    value = shift = 0
    while True:
        value |= (view[at] & 0x7F) << shift
        shift += 7
        at += 1
        if view[at - 1] < 0x80:
            return value, at


def fields(view: memoryview) -> dict[int, list]:
    """Return what a message holds by the fields' numbers: numbers as they are, everything else as bytes."""
    found = collections.defaultdict(list)
    at = 0
    while at < len(view):
        key, at = number(view, at)
        if key & 7 == 0:
            value, at = number(view, at)
        else:
            size, at = number(view, at) if key & 7 == 2 else ({1: 8, 5: 4}[key & 7], at)
            if at + size > len(view):
                raise ValueError("a field ends behind the end of the file")
            value, at = view[at : at + size], at + size
        found[key >> 3].append(value)
    return found


def tensor(blob: memoryview) -> torch.Tensor:
    """Return a BlobProto in its shape; a bias is flat."""
    parts = fields(blob)
    shape = [parts[i][0] if parts[i] else 1 for i in SHAPE]
    flat = torch.frombuffer(bytearray(parts[DATA][0]), dtype=torch.float32)
    return flat.reshape(shape) if shape[0] > 1 else flat


def state(model: Path) -> dict[str, torch.Tensor]:
    """Return the network as neural-style names its parts."""
    layers = [fields(layer) for layer in fields(memoryview(model.read_bytes()))[LAYERS]]
    blobs = {bytes(layer[NAME][0]).decode(): layer[BLOBS] for layer in layers if layer[BLOBS]}
    places, place = {}, 0
    for name in CONVOLUTIONS:
        place += 1 if name.endswith("_1") and place else 0  # the pooling between two blocks
        places[name] = place
        place += 2  # the convolution and its ReLU
    found = {
        f"features.{places[name]}.{part}": tensor(blob)
        for name in CONVOLUTIONS
        for part, blob in zip(("weight", "bias"), blobs[name], strict=True)
    }
    # Style transfer never computes the classifier, and neural-style asks for it: zeros that take no space in the file.
    for layer, shape in CLASSIFIER.items():
        found[f"classifier.{layer}.weight"] = torch.zeros(1).expand(shape)
        found[f"classifier.{layer}.bias"] = torch.zeros(1).expand(shape[0])
    return found


if __name__ == "__main__":
    try:
        torch.save(state(Path(sys.argv[1])), sys.argv[2])
    except (ValueError, LookupError, RuntimeError) as error:
        sys.exit(f"{sys.argv[1]} is no VGG-19 of Caffe's: {type(error).__name__}: {error}")
