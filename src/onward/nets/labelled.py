"""Inputs with a label in them: the right one, a wrong one, each in turn, or none in particular.

Holds what that takes: the code of every class, the seed of the wrong labels, and the number of batches that were learned
from, all of them buffers, so that a run that goes on from a checkpoint draws the same wrong labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from onward.kernels import labels, losses

Place = Callable[[Tensor, Tensor], Tensor]  # puts codes `n l` into inputs `n ...`

TRIED_TOGETHER = 2000  # rows that go through the blocks at once when every label is tried


class Labelled(nn.Module):
    """Puts labels into inputs.

    Attributes:
        codes: what stands for each class, `classes l`.
        place: puts codes into inputs, `labels.write_over` or `labels.append`.
        seed: of the wrong labels.
        batches: learned from so far; counted in training mode only. The wrong labels of a batch follow from it and the seed.
    """

    codes: Float[Tensor, "classes l"]
    seed: Int64[Tensor, ""]
    batches: Int64[Tensor, ""]

    def __init__(self, codes: Float[Tensor, "classes l"], place: Place, seed: int) -> None:
        """Hold codes. `ValueError`: fewer than two classes."""
        super().__init__()
        if len(codes) < 2:
            raise ValueError(f"a wrong label needs at least two classes, got {len(codes)}")
        self.place = place
        self.register_buffer("codes", codes)
        self.register_buffer("seed", torch.tensor(seed, device=codes.device))
        self.register_buffer("batches", torch.tensor(0, device=codes.device))

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.codes)

    def check(self, y: Tensor, examples: int) -> None:
        """Refuse targets that are not one class number for each of some examples: `ValueError`."""
        if y.is_floating_point():
            raise ValueError(
                f"a rule that puts labels into its inputs takes class numbers (int64), got targets of {y.dtype}"
            )
        losses.cross_entropy.check_shape(y, (examples, self.classes), 0)
        losses.cross_entropy.check_target(y, (examples, self.classes))

    def count(self) -> int:
        """Give the number of this batch, from 0; in training mode the next one will have the next number."""
        number = int(self.batches)
        if self.training:
            self.batches += 1
        return number

    def right(self, x: Float[Tensor, "b ..."], y: Int64[Tensor, "b"]) -> Float[Tensor, "b ..."]:
        """Put the right label in."""
        return self.place(x, self.codes[y])

    def wrong(self, x: Float[Tensor, "b ..."], y: Int64[Tensor, "b"], batch: int) -> Float[Tensor, "b ..."]:
        """Put a wrong label in, drawn for the batch of a number."""
        generator = torch.Generator().manual_seed(int(self.seed) * 1_000_003 + batch)
        return self.place(x, self.codes[labels.wrong_labels(y, self.classes, generator)])

    def neutral(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """Put the mean of all codes in: with one-hot codes, one over the number of classes each."""
        return self.place(x, self.codes.mean(0).expand(len(x), -1))

    def every(self, x: Float[Tensor, "b ..."]) -> Iterator[Float[Tensor, "n ..."]]:
        """Try the labels in order: rows with one or several of them, the labels of one example side by side."""
        together = max(1, TRIED_TOGETHER // len(x))
        for codes in self.codes.split(together):
            yield self.place(x.repeat_interleave(len(codes), 0), codes.repeat(len(x), 1))


def one_hot(classes: int, strength: float, like: Tensor) -> Float[Tensor, "classes classes"]:
    """Give codes that are `strength` at the label and 0 elsewhere, of the dtype and on the device of a tensor."""
    return strength * torch.eye(classes, dtype=like.dtype, device=like.device)


def patterns(classes: int, length: int, generator: torch.Generator, like: Tensor) -> Float[Tensor, "classes length"]:
    """Draw codes: a fixed pattern a class, of independent standard normal numbers, alike in every dtype."""
    drawn = torch.randn(classes, length, generator=generator, dtype=torch.float64)
    return drawn.to(like.device, like.dtype)
