"""A deep belief network as in document 001: 784, 800, 800, 10.

Its layers learn one after the other to give back what they see (restricted Boltzmann machines, one step of contrastive
divergence); then all of it learns the labels.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from shares import Shares

SIZES = (784, 800, 800, 10)
SPREAD = 0.01
"""Of the first weights of a machine; this and the two below as G. Hinton's guide to training them (2010) has them."""
RATE, MOMENTUM = 0.1, 0.5


class Machine:
    """Two layers that see each other: a restricted Boltzmann machine."""

    def __init__(self, below: int, above: int, shares: Shares, chance: torch.Generator) -> None:
        self.shares, self.chance = shares, chance
        self.weights = (torch.randn(below, above, generator=chance) * SPREAD).to(shares.where)
        self.below, self.above = (torch.zeros(count, device=shares.where) for count in (below, above))
        self._speeds = [torch.zeros_like(part) for part in (self.weights, self.below, self.above)]

    def up(self, seen: torch.Tensor) -> torch.Tensor:
        """Return how likely each unit above is on, of each picture."""
        return torch.sigmoid(seen @ self.weights + self.above)

    def step(self, seen: torch.Tensor, batch: int) -> torch.Tensor:
        """Learn from this process' share of a batch; returns the squared error of what it gave back, summed up."""
        first = self.up(seen)
        # Drawn for the whole batch on every process, so that a picture gets the same numbers on whichever it is.
        drawn = self.shares.own(torch.rand(batch, first.shape[1], generator=self.chance)).to(first.device)
        again = torch.sigmoid((drawn < first).to(first.dtype) @ self.weights.T + self.below)
        second = self.up(again)
        slopes = [seen.T @ first - again.T @ second, (seen - again).sum(0), (first - second).sum(0)]
        self.shares.add(*slopes)
        for part, speed, slope in zip((self.weights, self.below, self.above), self._speeds, slopes, strict=True):
            speed.mul_(MOMENTUM).add_(slope, alpha=RATE / batch)
            part.add_(speed)
        return (seen - again).square().sum()


def network(machines: list[Machine]) -> nn.Sequential:
    """Return the whole network, its layers as the machines have learnt them; as torch draws them where there are none.

    The last one is always as torch draws it.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    for number, (below, above) in enumerate(itertools.pairwise(SIZES)):
        linear = nn.Linear(below, above)
        if number < len(machines):
            with torch.no_grad():
                linear.weight.copy_(machines[number].weights.T)
                linear.bias.copy_(machines[number].above)
        layers += [linear, nn.Sigmoid()]
    return nn.Sequential(*layers[:-1])
