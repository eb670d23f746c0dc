"""A learner whose blocks are on disk: it hands out the same credit and scores as in memory, one block in memory at a time.

What is done with a block is the rule's own (`LocalRule.teach`); around it the block's tensors, and what the optimiser keeps of
them, are made views of a buffer, which is written back when the caller has applied the credit.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward.learners.base import AbstractLearner, Credit
from onward.learners.local import LocalRule
from onward.nets.modes import evaluating
from onward.offload import hollow, optimiser_state
from onward.offload.optimiser_state import Watched
from onward.offload.stream import Stream
from onward.training.allocator import give_back
from onward.training.fit import TrainingFailed

RULE = "rule."


class Offloaded(AbstractLearner):
    """A rule of hollow blocks, and the store that they are streamed from and to.

    Its parameters are empty but for those of the block that is in memory; its `state_dict` is what the blocks share. Only an
    optimiser that is known to it (`use`) may change them, so training is by `onward.offload.train`.

    Attributes:
        rule: the learner whose blocks they are.
    """

    def __init__(self, rule: AbstractLearner, stream: Stream) -> None:
        """Put a hollow learner before a store."""
        super().__init__()
        self.rule = rule
        self.loss = rule.loss
        self._stream = stream
        self._shared = hollow.shared(rule)
        self._optimiser: tuple[torch.optim.Optimizer, Watched] | None = None
        self._cut_short = False
        self._losses: list[float] = []
        self.eval()

    @property
    def _local(self) -> LocalRule:
        return hollow.local(self.rule)

    @property
    def losses(self) -> list[float]:
        """Of the blocks that learned in the last step, in their order, each before its update."""
        return self._losses

    @property
    def stream(self) -> Stream:
        """What the blocks come and go by; it counts what it waited, and its store the bytes."""
        return self._stream

    def use(self, optimiser: torch.optim.Optimizer, watched: Watched) -> None:
        """Let what an optimiser keeps of the parameters of this learner come and go with them."""
        self._optimiser = (optimiser, watched)

    def credit(
        self, x: Float[Tensor, "b ..."], y: Tensor, *, importance: Float[Tensor, "b"] | None = None
    ) -> Iterator[Credit]:
        """Yield the parcels of the rule; each block is written back when the next parcel is asked for.

        Raises:
            ValueError: no optimiser is known, or an earlier step was cut short, so that some blocks have gone on and others not.
            TrainingFailed: a weight is no longer finite.
            FileDamaged: a block is not as it was written.
            WriteFailed: a block could not be written.
        """
        if self._optimiser is None:
            raise ValueError("blocks on disk learn by onward.offload.train, which has their optimiser's state on disk too")
        self._check()
        rule = self._local
        passing, lesson = rule.enter(x, y, importance)
        self._cut_short = True
        self._losses = []
        for block in range(len(rule.net.blocks)):
            with self._in_memory(block, learning=True) as changed:
                passing, credit = rule.teach(block, passing, lesson)
                changed.append(credit is not None or any(True for p in self._parts(block) for _ in p.buffers()))
                if credit is not None:
                    gradients = {f"{RULE}{name}": one for name, one in credit.gradients.items()}
                    loss, credit = credit.loss, None  # the gradients are to go before the next block comes
                    self._losses.append(loss.item())
                    yield Credit(loss, gradients)
                    gradients.clear()
        self._cut_short = False

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b o"]:
        """Give the scores of the rule, in evaluation mode; weights alone are read, block after block.

        Raises:
            ValueError: an earlier step was cut short.
            FileDamaged: a block is not as it was written.
        """
        self._check()
        held, with_block = ExitStack(), [-1]

        def enter(block: int, module: nn.Module, given: Any) -> None:
            if with_block[0] != block:
                held.close()
                with_block[0] = block
                held.enter_context(self._in_memory(block, learning=False))

        blocks = range(len(self._local.net.blocks))
        hooks = [part.register_forward_pre_hook(partial(enter, block)) for block in blocks for part in self._parts(block)]
        try:
            with held, evaluating(self.rule):
                return self.rule.scores(x)
        finally:
            for hook in hooks:
                hook.remove()

    def load(self) -> AbstractLearner:
        """Give the learner in memory, in evaluation mode, independent of the disk.

        Raises:
            ValueError: an earlier step was cut short.
            FileDamaged: a block is not as it was written.
        """
        self._check()
        whole = copy.deepcopy(self.rule)
        rule = hollow.local(whole)
        for block in range(len(rule.net.blocks)):
            with self._in_memory(block, learning=False):
                views = {name: one.detach().clone() for name, one in self._tensors(block).items()}
            hollow.fill(hollow.tensors_of(rule.parts(block)), views)
        return whole

    def check(self) -> None:
        """Read every block and compare it with its digests, where they were taken.

        Raises:
            ValueError: an earlier step was cut short.
            FileDamaged: a block is not as it was written.
        """
        self._check()
        self._stream.check()

    def commit(self, training: Any = None) -> None:
        """Make the last step what the folder holds, as `Store.commit`, with what else the run stands at."""
        self._check()
        self._stream.drain()
        self._stream.store.commit({name: one.detach().clone() for name, one in self._shared.items()}, training)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Give what the blocks share, by its name in the rule; the blocks are on disk."""
        return dict(self._shared)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Take back what `state_dict` gave."""
        if state_dict.keys() != self._shared.keys():
            raise ValueError(f"blocks on disk share {sorted(self._shared)}, got {sorted(state_dict)}")
        with torch.no_grad():
            for name, tensor in self._shared.items():
                tensor.copy_(state_dict[name])

    def _check(self) -> None:
        if self._cut_short:
            raise ValueError("a step was cut short; open the folder again to go on from the last step that was committed")

    def _parts(self, block: int) -> list[nn.Module]:
        return list(self._local.parts(block).values())

    def _tensors(self, block: int) -> dict[str, Tensor]:
        return hollow.tensors_of(self._local.parts(block))

    @contextmanager
    def _in_memory(self, block: int, *, learning: bool) -> Iterator[list[bool]]:
        """Have a block in memory. What is put into the list says whether it is to be written back."""
        memory = self._stream.take(block, whole=learning)
        layout = self._stream.store.layouts[block]
        views = {field.name: field.view(memory) for field in layout.weights}
        tensors, changed = self._tensors(block), list[bool]()
        hollow.fill(tensors, views)
        try:
            if learning and self._optimiser is not None:
                optimiser_state.attach(*self._optimiser, layout, tensors, memory)
            yield changed
            tensors = self._tensors(block)
            if any(changed):
                hollow.keep(tensors, views)
                _check_finite(tensors)
                if self._optimiser is not None:
                    optimiser_state.detach(self._optimiser[0], layout, tensors, memory)
        except BaseException:
            changed.clear()
            raise
        finally:
            if learning and self._optimiser is not None:
                optimiser_state.forget(self._optimiser[0], tensors)
            hollow.empty(tensors)
            self._stream.give(changed=any(changed))
            give_back(layout.bytes)


def _check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights that are not finite, before they are committed."""
    for name, tensor in tensors.items():
        if isinstance(tensor, nn.Parameter) and not tensor.detach().sum().isfinite() and not tensor.isfinite().all():
            raise TrainingFailed(
                f"{name} is no longer finite; a smaller learning rate or scaled inputs may help. The folder holds the last "
                "committed step"
            )
