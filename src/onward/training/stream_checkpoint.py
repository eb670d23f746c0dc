"""A stream that goes on after a restart: weights, optimiser and what the stream left behind, in one sealed file.

What goes on from a file is bitwise what was never stopped; a file of another rule, net or optimiser is refused before it changes
anything.
"""

from __future__ import annotations

import os
import reprlib
from typing import Any

from onward.description import describe
from onward.files import packing, sealed
from onward.training import rehearsal
from onward.training.alike import check_keys, like, plain
from onward.training.fit import Recipe
from onward.training.streaming import Streaming

KIND = "stream"


def save(streaming: Streaming, path: str | os.PathLike[str]) -> None:
    """Store where a stream stands: weights, optimiser, and the past that its rule keeps, exactly.

    Raises:
        ValueError: the optimiser keeps what no file can hold.
        WriteFailed: the file could not be written; what was there is unchanged.
    """
    try:
        skeleton, tensors = packing.pack({"belonging": _belonging(streaming), "state": plain(streaming.state())})
    except TypeError as error:
        raise ValueError(f"the stream cannot be stored: {error}") from error
    sealed.write(path, KIND, tensors, {"skeleton": skeleton})


def resume(streaming: Streaming, path: str | os.PathLike[str]) -> None:
    """Bring a learner, freshly made of the same net, rule and optimiser, to where `save` was called.

    An optimiser without a name, such as a lambda, is not compared.

    Raises:
        FileDamaged: there is no such file, or it is not as it was written.
        ValueError: it is of another rule, net or optimiser, or holds no state. Nothing is changed.
    """
    found = sealed.read(path, KIND)
    # tensors of their own, aligned as fresh ones are: products may round differently where they are not
    tensors = {name: tensor.clone() for name, tensor in found.tensors.items()}
    try:
        value = packing.unpack(found.configuration.get("skeleton"), tensors)
        check_keys(value, ("belonging", "state"), "content")
        own = _belonging(streaming)
        check_keys(value["belonging"], own, "description")
        for name, mine in own.items():
            its = value["belonging"][name]
            if its != mine and [] not in (its, mine):
                raise ValueError(f"it belongs to another {name}: {reprlib.repr(its)}, not {reprlib.repr(mine)}")
        streaming.load(_checked(streaming, value["state"]))
    except ValueError as error:
        raise ValueError(f"{path} cannot be gone on with: {error}") from error


def _checked(streaming: Streaming, found: Any) -> dict[str, Any]:
    check_keys(found, ("weights", "steps", "past"), "state")
    weights = like(found["weights"], streaming.learner.state_dict(), "weights")
    steps = rehearsal.checked(found["steps"], streaming.steps, Recipe(streaming.optimiser, epochs=1), more=True)
    if found["past"] is not None:
        check_keys(found["past"], streaming.learner.kind._fields, "past")  # the learner itself looks at what they hold
    return {"weights": weights, "steps": steps, "past": found["past"]}


def _belonging(streaming: Streaming) -> dict[str, Any]:
    learner = streaming.learner
    net = learner.net
    return {
        "rule": type(learner).__qualname__,
        "setting": {"window": getattr(learner, "window", None), "ticks a step": streaming.ticks_a_step},
        "loss": [learner.loss.name, learner.loss.classes],
        "mesh": _described((net.topology, net.hidden, net.output)),
        "shape or dtype of weights": [list(net.weight.shape), str(net.weight.dtype)],
        "optimiser": _described(streaming.optimiser),
    }


def _described(value: Any) -> list[Any]:
    try:
        return [describe(value)]
    except (TypeError, AttributeError):  # a lambda, an object that is called
        return []
