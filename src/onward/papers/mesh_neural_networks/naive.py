"""The paper's formulation in plain NumPy, as one writes it down from equations 13 and 17 and Algorithm 1: for benchmarks.

    D <- slope(t) * (D A + S~),   S~[i, j, o] = s[i] where o = j, else 0,   D[b, i, j, o] = d s[b, o] / d A[i, j]

One N x N x N tensor an example, laid out in full; every neuron is ReLU, outputs too. As published the derivative of clamped inputs is
left stale, so the gradient is right where no edge enters an input (`published` has both). Axes: b batch, i features, n neurons.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


def gradient(
    a: Float[np.ndarray, "n n"],
    x: Float[np.ndarray, "b i"],
    labels: Int[np.ndarray, " b"],
    *,
    outputs: int,
    ticks: int,
) -> Float[np.ndarray, "n n"]:
    """Give the gradient of the mean cross-entropy of a batch. The input after the features is the bias, always 1."""
    batch, neurons = len(x), len(a)
    state = np.zeros((batch, neurons), a.dtype)
    derivative = np.zeros((batch, neurons, neurons, neurons), a.dtype)
    given = np.concatenate([x, np.ones((batch, 1), a.dtype)], axis=1)
    every = np.arange(neurons)
    for _ in range(ticks):
        state[:, : given.shape[1]] = given
        drive = state @ a
        said = np.zeros_like(derivative)
        said[:, :, every, every] = state[:, :, np.newaxis]
        slope = (drive > 0).astype(a.dtype)
        derivative = slope[:, np.newaxis, np.newaxis, :] * (derivative @ a + said)
        state = np.maximum(drive, 0)
    scores = state[:, -outputs:]
    likely = np.exp(scores - scores.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    error = (likely - np.eye(outputs, dtype=a.dtype)[labels]) / batch
    return (derivative[..., -outputs:] * error[:, np.newaxis, np.newaxis, :]).sum(axis=(0, 3))
