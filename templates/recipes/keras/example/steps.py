"""Whole epochs on the device: the pictures go there once, and Python only launches one step after the other.

`Model.fit` brings each step's pictures from the host's memory anew, which a GPU waits for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 1e-3
EPSILON = 1e-7
"""Of Adam, and the least that a network may say of a digit, as Keras has both."""
WARM_UP = 3


class OnJax:
    """Steps compiled by JAX, which runs them behind Python's back."""

    def __init__(self, net: keras.Model, pictures: NDArray[np.float32], labels: NDArray[np.int64], batch: int) -> None:
        import jax  # noqa: PLC0415 - one of two backends is there

        self.jax, self.net, self.batch = jax, net, batch
        self.pictures, self.labels = jax.device_put(pictures), jax.device_put(labels.astype(np.int32))
        self.optimizer = keras.optimizers.Adam(RATE)
        self.optimizer.build(net.trainable_variables)
        self.state = tuple(
            [jax.numpy.array(variable.value) for variable in variables]
            for variables in (net.trainable_variables, net.non_trainable_variables, self.optimizer.variables)
        )
        self.step = jax.jit(self._step, donate_argnums=(0, 1))
        # Compiled before the clock runs; from copies, for a step gives its arguments away.
        copies = jax.tree.map(jax.numpy.array, self.state)
        jax.block_until_ready(self.step(copies, self._zero(), self.pictures, self.labels, self._order(0), 0))

    def epoch(self, seed: int) -> tuple[float, float, dict[str, float]]:
        """Show the network every picture once; return mean loss, accuracy, and what the seconds went to."""
        begun = time.perf_counter()
        order, total = self._order(seed), self._zero()
        for number in range(len(order)):
            self.state, total = self.step(self.state, total, self.pictures, self.labels, order, number)
        launched = time.perf_counter() - begun
        loss, right = np.asarray(total) / order.size
        done = time.perf_counter() - begun
        return float(loss), float(right), {"launching its steps": launched, "computing on": done - launched}

    def finish(self) -> None:
        """Give the network what it has learnt."""
        for variables, values in zip(
            (self.net.trainable_variables, self.net.non_trainable_variables), self.state[:2], strict=True
        ):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

    def _zero(self) -> Any:
        return self.jax.numpy.zeros(2)

    def _order(self, seed: int) -> Any:
        order = np.random.default_rng(seed).permutation(len(self.labels)).astype(np.int32)
        return self.jax.device_put(order.reshape(-1, self.batch))

    def _step(self, state: Any, total: Any, pictures: Any, labels: Any, order: Any, number: Any) -> Any:
        trained, other, memory = state
        some = order[number]

        def loss_of(weights: Any) -> Any:
            scores, after = self.net.stateless_call(weights, other, pictures[some], training=True)
            loss = keras.losses.sparse_categorical_crossentropy(labels[some], scores).mean()
            return loss, (after, (scores.argmax(1) == labels[some]).sum())

        (loss, (other, right)), slopes = self.jax.value_and_grad(loss_of, has_aux=True)(trained)
        trained, memory = self.optimizer.stateless_apply(memory, slopes, trained)
        return (trained, other, memory), total + self.jax.numpy.stack([loss * self.batch, right])


class OnTorch:
    """Steps in PyTorch; a GPU has one recorded as a CUDA graph, and repeats it."""

    def __init__(self, net: keras.Model, pictures: NDArray[np.float32], labels: NDArray[np.int64], batch: int) -> None:
        import torch  # noqa: PLC0415 - one of two backends is there

        self.torch, self.net, self.batch = torch, net, batch
        weights = [variable.value for variable in net.trainable_variables]
        self.where = weights[0].device
        self.pictures, self.labels = (torch.from_numpy(array).to(self.where) for array in (pictures, labels))
        on_gpu = self.where.type == "cuda"
        self.optimizer = torch.optim.Adam(weights, RATE, eps=EPSILON, capturable=on_gpu)
        self.some, self.total = torch.arange(batch, device=self.where), torch.zeros(2, device=self.where)
        self.graph: Any = None
        before = [weight.detach().clone() for weight in weights]
        self._prepare(on_gpu=on_gpu)
        with torch.no_grad():
            for weight, value in zip(weights, before, strict=True):
                weight.copy_(value)
            for value in (value for state in self.optimizer.state.values() for value in state.values()):
                value.zero_()

    def epoch(self, seed: int) -> tuple[float, float, dict[str, float]]:
        """Show the network every picture once; return mean loss, accuracy, and what the seconds went to."""
        begun = time.perf_counter()
        order = self.torch.from_numpy(np.random.default_rng(seed).permutation(len(self.labels))).to(self.where)
        self.total.zero_()
        for some in order.split(self.batch):
            self.some.copy_(some)
            if self.graph:
                self.graph.replay()
            else:
                self._step()
        launched = time.perf_counter() - begun
        loss, right = (self.total / len(order)).tolist()
        done = time.perf_counter() - begun
        return loss, right, {"launching its steps": launched, "computing on": done - launched}

    def finish(self) -> None:
        """Do nothing: the network's own weights have learnt."""

    def _step(self) -> None:
        labels = self.labels[self.some]
        scores = self.net(self.pictures[self.some], training=True)
        # A network that ends in softmax gives shares: their logarithm is what the loss is made of.
        loss = self.torch.nn.functional.nll_loss(scores.clamp(EPSILON, 1).log(), labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.total += self.torch.stack([loss.detach() * self.batch, (scores.argmax(1) == labels).sum()])

    def _prepare(self, *, on_gpu: bool) -> None:
        """Take the steps that a device needs before it may be timed, and record one on a GPU."""
        if not on_gpu:
            self._warm_up()
            return
        cuda = self.torch.cuda
        aside = cuda.Stream()
        aside.wait_stream(cuda.current_stream())
        with cuda.stream(aside):
            self._warm_up()
        cuda.current_stream().wait_stream(aside)
        graph = cuda.CUDAGraph()
        try:
            with cuda.graph(graph):
                self._step()
        except RuntimeError as error:  # another Keras may do in its layers what cannot be recorded
            print(f"each step is launched kernel by kernel, for it cannot be recorded: {error}", flush=True)
        else:
            self.graph = graph

    def _warm_up(self) -> None:
        for _ in range(WARM_UP):
            self._step()


def on_device(
    net: keras.Model, pictures: NDArray[np.float32], labels: NDArray[np.int64], batch: int
) -> OnJax | OnTorch:
    """Return what trains a network with whole steps of pictures: their count has to be a multiple of `batch`."""
    kind = OnJax if keras.backend.backend() == "jax" else OnTorch
    return kind(net, pictures, labels, batch)
