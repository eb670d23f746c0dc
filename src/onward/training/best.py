"""The best weights so far by validation loss, for every net of a stack, and which nets have stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Best:
    """Keeps the weights of the epoch with the lowest loss; a net stops after `patience` epochs without a lower one."""

    def __init__(self, parameters: Mapping[str, Tensor], nets: tuple[int, ...], patience: int) -> None:
        """Watch parameters and persistent buffers; the first are kept until an epoch has been seen."""
        self.parameters = parameters
        self.kept = {name: parameter.detach().clone() for name, parameter in parameters.items()}
        self.loss: Float[Tensor, "*nets"] = torch.full(nets, torch.inf, dtype=torch.float64)
        self.since: Int[Tensor, "*nets"] = torch.zeros(nets, dtype=torch.int64)
        self.patience = patience

    @property
    def running(self) -> Bool[Tensor, "*nets"]:
        """Which nets have not stopped."""
        return self.since < self.patience

    @torch.no_grad()
    def see(self, loss: Float[Tensor, "*nets"]) -> None:
        """Note the loss of an epoch."""
        loss = loss.detach().cpu().double()
        better: Bool[Tensor, "*nets"] = self.running & (loss < self.loss)
        self.loss = torch.where(better, loss, self.loss)
        self.since = torch.where(better, 0, self.since + 1)
        for name, parameter in self.parameters.items():
            which = better.view((*better.shape, *[1] * (parameter.ndim - better.ndim))).to(parameter.device)
            self.kept[name] = torch.where(which, parameter, self.kept[name])

    @torch.no_grad()
    def restore(self) -> None:
        """Put the best weights back."""
        for name, parameter in self.parameters.items():
            parameter.copy_(self.kept[name])

    def state(self) -> dict[str, Any]:
        """Give what has been seen, to be loaded again."""
        return {"kept": dict(self.kept), "loss": self.loss, "since": self.since}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""
        self.kept = {name: state["kept"][name].to(parameter.device) for name, parameter in self.parameters.items()}
        self.loss, self.since = state["loss"], state["since"]
