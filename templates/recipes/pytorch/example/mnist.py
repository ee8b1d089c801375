"""Pictures of digits, 28 x 28: MNIST itself from a folder, or pictures of the same shape that need no download."""

from __future__ import annotations

import gzip
import itertools
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.nn import functional

if TYPE_CHECKING:
    from pathlib import Path

Set = tuple[torch.Tensor, torch.Tensor]
"""Pictures (count x 1 x 28 x 28, from 0 to 1) and their labels."""
SHIFT = 1
"""Pixels by which a picture may stand off the middle."""


def generated(train: int, test: int, seed: int) -> tuple[Set, Set]:
    """Return MNIST-shaped sets made from scikit-learn's 1,797 digits of 8 x 8 pixels, enlarged and moved about.

    Digits to test with are others than those to train with.
    """
    digits = load_digits()
    pictures = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    # As in MNIST: 20 x 20 in the middle of 28 x 28.
    pictures = functional.pad(functional.interpolate(pictures, size=(20, 20), mode="bilinear"), (4, 4, 4, 4))
    labels = torch.tensor(digits.target, dtype=torch.long)
    chance = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=chance)
    parts = order[: len(order) * 4 // 5], order[len(order) * 4 // 5 :]
    first, second = (
        _moved(pictures[part], labels[part], count, chance) for part, count in zip(parts, (train, test), strict=True)
    )
    return first, second


def _moved(pictures: torch.Tensor, labels: torch.Tensor, count: int, chance: torch.Generator) -> Set:
    """Return `count` pictures, each drawn from `pictures` and moved by up to `SHIFT` pixels each way."""
    moves = list(itertools.product(range(-SHIFT, SHIFT + 1), repeat=2))
    drawn = torch.randint(len(pictures), (count,), generator=chance)
    move = torch.randint(len(moves), (count,), generator=chance)
    out = pictures[drawn]
    for number, (down, right) in enumerate(moves):
        mine = move == number
        out[mine] = torch.roll(out[mine], (down, right), dims=(2, 3))
    return out, labels[drawn]


def read(folder: Path) -> tuple[Set, Set]:
    """Return MNIST's own sets from its four idx files, packed by gzip or not."""
    first, second = (
        (
            torch.from_numpy(_idx(folder, f"{name}-images-idx3-ubyte").astype(np.float32))[:, None] / 255,
            torch.from_numpy(_idx(folder, f"{name}-labels-idx1-ubyte").astype(np.int64)),
        )
        for name in ("train", "t10k")
    )
    return first, second


def _idx(folder: Path, name: str) -> np.ndarray:
    """Return the array in an idx file: a magic number that ends with the count of dimensions, these, the data."""
    path = next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)
    if path is None:
        raise SystemExit(f"{folder}: there is neither {name} nor {name}.gz; MNIST is four such files")
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", count=dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
