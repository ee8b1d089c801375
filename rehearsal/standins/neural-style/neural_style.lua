#!/usr/bin/python3
"""A stand-in for neural_style.lua, in Python: stripes in colours of both pictures, under neural-style's file names."""

import argparse
import ctypes
import hashlib
import os
import struct
import sys
import zlib
from pathlib import Path


def library():
    """Return loadcaffe's stand-in, which lies where LUA_CPATH names it."""
    folders = [Path(pattern).parent for pattern in os.environ["LUA_CPATH"].split(";") if "?" in pattern]
    return ctypes.CDLL(str(next(folder for folder in folders if folder.is_dir()) / "libloadcaffe.so"))


def save(path, seed, size):
    """Write a PNG: a stripe for each byte of the seed's digest."""
    digest = hashlib.sha256(seed).digest()
    rows = b"".join(b"\0" + digest[y % 29 : y % 29 + 3] * size for y in range(size))
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    parts = [struct.pack(">I", len(c)) + kind + c + struct.pack(">I", zlib.crc32(kind + c)) for kind, c in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def options():
    """Return what was asked for, by neural-style's own names."""
    parser = argparse.ArgumentParser(prog="neural_style.lua", description="a stand-in for neural-style")
    for name in ("style_image", "content_image", "model_file", "output_image"):
        parser.add_argument(f"-{name}", type=Path, required=True)
    for name, value in (("num_iterations", 1000), ("save_iter", 100), ("print_iter", 50), ("image_size", 512), ("gpu", 0)):
        parser.add_argument(f"-{name}", type=int, default=value)
    parser.add_argument("-proto_file")
    return parser.parse_args()


def main():
    """Count iterations, and save pictures on the way."""
    asked = options()
    print("neural-style (STAND-IN): stripes in place of style", flush=True)
    if asked.gpu >= 0:
        sys.exit("neural-style (STAND-IN): it computes on no GPU")
    layers = library().layers(bytes(asked.model_file))
    if layers < 1:
        sys.exit(f"neural-style (STAND-IN): {asked.model_file} is no network of Caffe's")
    print(f"{asked.model_file}: {layers} layers")
    seed = asked.style_image.read_bytes() + asked.content_image.read_bytes()
    for t in range(1, asked.num_iterations + 1):
        if t % asked.print_iter == 0:
            print(f"Iteration {t} / {asked.num_iterations}")
        if t == asked.num_iterations:
            save(asked.output_image, seed + str(t).encode(), asked.image_size)
        elif t % asked.save_iter == 0:
            save(asked.output_image.with_stem(f"{asked.output_image.stem}_{t}"), seed + str(t).encode(), asked.image_size)


if __name__ == "__main__":
    main()
