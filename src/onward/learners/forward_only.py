"""Forward-only propagation on a mesh (Galatolo, Cimino and Vaglini, 2021), with the true gradient.

The derivative of the state travels forward with the state, so credit is ready at the last tick; nothing is stored of
earlier ticks by the influence engine, and nothing is differentiated backwards by any.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from onward import given
from onward.kernels import curvature, dynamics, forward_only, losses, reach, sparse
from onward.kernels import parts as by_parts
from onward.kernels.curvature import Quadratic
from onward.kernels.forward_only import Engine
from onward.kernels.losses import Loss
from onward.kernels.parts import Parts
from onward.kernels.plan import plan
from onward.learners.base import AbstractLearner, Credit
from onward.learners.compiling import compiled
from onward.learners.workers import AsPyTorch, Workers
from onward.nets.mesh import MeshNet


class _Planned(NamedTuple):
    """How gradients of a number of ticks and examples are made; in one part, and by all edges, where nothing else is said."""

    engine: Engine
    parts: Parts | None
    edges: Tensor | None


class ForwardOnly(AbstractLearner):
    """A mesh that learns forward-only: one parcel, exact, without a backward pass.

    Attributes:
        net: the mesh.
        loss: read at the last tick, or at every tick.
        engine: the one that was asked for; None where the plan chooses for each batch.
        budget: bytes that a gradient may carry at a time, by all threads together; None for as many as it takes. Set by `within`.
    """

    def __init__(
        self, net: MeshNet, loss: Loss | str = losses.cross_entropy, *, engine: Engine | str | None = None
    ) -> None:
        """Teach a mesh.

        Args:
            net: the mesh.
            loss: read at the last tick, or at every tick if made so by `every_tick`.
            engine: "influence", "factored" or "sparse", which compute the same numbers; left out, the plan's choice for each batch.

        Raises:
            ValueError: something else than a mesh; an unknown loss or engine.
        """
        super().__init__()
        if not isinstance(net, MeshNet):
            raise ValueError(f"forward-only propagation teaches a MeshNet, got {net!r:.80}")
        self.net = net
        self.loss = losses.find(loss)
        self.engine = None if engine is None else forward_only.find(engine)
        self.budget: int | None = None
        self._workers = Workers(1)
        self._loss_and_gradient = forward_only.loss_and_gradient
        self._laid_out_for = net.topology
        self._layout = sparse.Layout(AsPyTorch().map)
        self._planned: dict[tuple[int, int, bool, bool, bool], _Planned] = {}

    @property
    def threads(self) -> int:
        """Parts of a gradient that are carried at the same time."""
        return self._workers.threads

    def within(self, budget: int | None, *, threads: int = 1) -> ForwardOnly:
        """Cut every gradient into parts of some examples and some edges, so that what is carried stays within a budget; give the learner itself.

        The gradient is the same but for the order of sums. `jacobian` and `quadratic` are not cut; steps by `LevenbergMarquardt` take so many
        examples at a time that both stay within the budget.

        Args:
            budget: bytes that are carried at a time by all threads together, with *factored* and *sparse* the states of all ticks among them; None for as many as it takes, where the engine "sparse" works on
                as many chunks of the graph at the same time as PyTorch has threads.
            threads: parts that are carried at the same time, each by one thread of its own, which the learner keeps for as long as it lives.

        Raises:
            ValueError: a budget or threads that are no whole number of at least 1; a budget below the least part, once a batch is seen.
        """
        budget, threads = given.bytes_or_none("a budget", budget), given.whole("threads", threads)
        self.budget = budget
        self._workers = Workers(threads)
        self._layout.in_order = AsPyTorch().map if budget is None else map
        self._planned.clear()
        return self

    def compile(self, **options: Any) -> None:
        """Let `torch.compile` fuse all ticks of a gradient into one computation, from the next batch on.

        It holds for gradients by the engines "influence" and "factored" that are made in one part. Every number of ticks and
        examples is compiled once, which takes seconds, and longer for many ticks. Results equal those before but for rounding.

        Args:
            options: of `torch.compile`, as `backend` or `mode`.
        """
        self._loss_and_gradient = compiled(forward_only.loss_and_gradient, **options)

    def credit(
        self,
        x: Float[Tensor, "..."],
        y: Tensor,
        initial: Float[Tensor, "..."] | None = None,
        *,
        importance: Float[Tensor, "*nets b"] | None = None,
    ) -> Iterator[Credit]:
        """Yield the one parcel of a batch.

        Args:
            x: a static input `*nets b i`, held for all ticks, or a sequence `*nets b t i`, one entry a tick.
            y: targets of the loss: class numbers `*nets b` (int64) or vectors `*nets b o`; of a loss that is read at every tick also one of
                each for every tick, `*nets b t` or `*nets b t o`.
            initial: the free neurons' activity before the first tick, `*nets b f`; zero if left out.
            importance: how much each example counts, `*nets b`, with a mean of 1 over the data; left out, all alike.

        Raises:
            ValueError: shapes, dtypes or labels that do not fit; a budget that holds no part of the gradient.
        """
        net = self.net
        clamped, state = net.drive(x, initial)
        engine, parts, edges = self._plan(clamped, from_zero=initial is None)
        asked = net.weight, net.wiring, clamped, state, net.activation, self.loss, y, engine
        edges = None if edges is None else edges.to(net.weight.device)  # where the net may have gone since
        if parts is None:
            run = forward_only.loss_and_gradient if engine.name == "sparse" else self._loss_and_gradient
            loss, gradient = run(*asked, importance, edges)
        else:
            loss, gradient = by_parts.loss_and_gradient(*asked, parts, importance, edges, self._workers.map)
        yield Credit(loss, {"net.weight": gradient})

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "..."], initial: Float[Tensor, "..."] | None = None) -> Float[Tensor, "*nets b o"]:
        """Give the outputs of the last tick. Arguments and errors as in `MeshNet.drive`."""
        return self.net(x, initial)

    def jacobian(
        self, x: Float[Tensor, "..."], initial: Float[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*nets b o e"]:
        """Give the derivative of every output of the last tick with respect to every weight, all edges and examples at once.

        It has batch x outputs x edges numbers, and the engine carries all that these take: with "influence" batch x edges x free neurons, also of edges that
        cannot matter. A `budget` does not cut it; give some of the examples at a time. `x` and `initial` as for `credit`.

        Raises:
            ValueError: shapes or dtypes that do not fit.
        """
        clamped, state = self.net.drive(x, initial)
        engine = self._plan(clamped, from_zero=initial is None, cut=False).engine
        return forward_only.outputs_and_jacobian(
            self.net.weight, self.net.wiring, clamped, state, self.net.activation, engine
        )[1]

    def quadratic(
        self,
        x: Float[Tensor, "..."],
        y: Tensor,
        initial: Float[Tensor, "..."] | None = None,
        *,
        importance: Float[Tensor, "*nets b"] | None = None,
    ) -> Quadratic:
        """Give the loss of a batch, its gradient and its Gauss-Newton curvature, all edges and examples at once.

        A `budget` does not cut it, and the Jacobian is held meanwhile. Quadratics of some of the examples add up, each by its share of
        them (`Quadratic.plus`), which is what `LevenbergMarquardt` does. Arguments as for `credit`.

        Returns:
            the mean loss `*nets`, its gradient `*nets e` and its curvature `*nets e e`.

        Raises:
            ValueError: a loss that does not know its curvature, as those of `differentiable`; shapes, dtypes or labels that do not fit.
        """
        clamped, state = self.net.drive(x, initial)
        engine = self._plan(clamped, from_zero=initial is None, cut=False).engine
        return curvature.quadratic(
            self.net.weight, self.net.wiring, clamped, state, self.net.activation, self.loss, y, engine, importance
        )

    def _plan(self, clamped: Float[Tensor, "t *nets b i"], *, from_zero: bool, cut: bool = True) -> _Planned:
        """Choose the engine, its parts and its edges, once for every size of batch, and for inputs that stand still or do not; what is not `cut` knows no budget."""
        if self._laid_out_for is not self.net.topology:  # the graph has changed
            self._laid_out_for, self._layout = self.net.topology, sparse.Layout(self._layout.in_order)
            self._planned.clear()
        key = clamped.shape[0], clamped.shape[-2], from_zero, dynamics.static(clamped), cut
        if key not in self._planned:
            self._planned[key] = self._made(*key)
        return self._planned[key]

    def _made(self, ticks: int, batch: int, from_zero: bool, static: bool, cut: bool) -> _Planned:
        if self.engine is not None and (self.engine.name not in forward_only.ENGINES or self._whole(self.engine)):
            return _Planned(self.engine, None, None)
        net, topology = self.net, self.net.topology
        every, silent = self.loss.every_tick, net.activation.silent_at_zero
        live = reach.live(topology, ticks, silent_at_zero=silent, from_zero=from_zero, every_tick=every)
        found = plan(
            topology,
            ticks,
            batch,
            itemsize=net.weight.element_size(),
            live=int(live.sum()),
            budget=self.budget if cut else None,
            threads=self.threads if cut else 1,
            engine=None if self.engine is None else self.engine.name,
            static=static,
            every_tick=every,
            nets=math.prod(net.nets),
        )
        if found.advice is not None:
            warnings.warn(found.advice, stacklevel=4)
        engine, parts = self.engine or forward_only.find(found.engine), found.parts[found.engine]
        edges = None
        if engine.name == "influence" and not live.all():
            edges = torch.from_numpy(live.nonzero()[0])
        if engine.name == "sparse":
            engine = engine._replace(prepare=partial(sparse.prepare, layout=self._layout))
        whole = parts.examples >= batch and parts.edges >= (topology.edges if edges is None else len(edges))
        return _Planned(engine, None if whole else parts, edges)

    def _whole(self, engine: Engine) -> bool:
        """Tell whether an engine takes all edges and examples at once, whatever the graph; counting would take time on every new one."""
        return engine.name == "factored" and self.budget is None and self.threads == 1
