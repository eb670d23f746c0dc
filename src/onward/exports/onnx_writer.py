"""What has been written of a traced graph in ONNX: the values of its nodes by name, the weights that they read."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor
from torch.fx import Node

from onward.exports.onnx_graph import Builder


class Writer:
    """Writes nodes of a traced graph as nodes of ONNX.

    Attributes:
        build: what has been written.
        values: the name, in ONNX, of what a node gives.
        weights: what is held, by node.
    """

    def __init__(self, dtype: np.dtype) -> None:
        """Begin an empty graph whose numbers are of a dtype."""
        self.build = Builder(dtype)
        self.values: dict[str, str] = {}
        self.weights: dict[str, Tensor] = {}

    def take(self, node: Node, weight: Tensor | None) -> None:
        """Take a node that gives weights, or the input."""
        if weight is None:
            self.values[node.name] = "x"
        else:
            self.weights[node.name] = weight

    def name(self, value: Any) -> str:
        """Give the name of what a node gives; weights and plain numbers become constants."""
        if not isinstance(value, Node):
            return self.build.constant(f"number_{value}", value)
        if value.name in self.weights:
            return self.held(value)
        return self.values[value.name]

    def held(self, node: Node, *, turned: bool = False) -> str:
        """Give the name of a constant with weights."""
        weight = self.weights[node.name].detach().cpu().numpy()
        return self.build.constant(f"{node.name}{'_turned' * turned}", weight.T if turned else weight)

    def single(self, value: Any) -> float | None:
        """Give the one number that a plain value or a constant is; None for anything else."""
        if isinstance(value, Node):
            weight = self.weights.get(value.name)
            return None if weight is None or weight.numel() != 1 else weight.item()
        return float(value)
