"""Follows the memory behind tensors, from when an operation makes it to when nothing holds it any more.

Counted are storages, each once, however many tensors look at it; what autograd holds counts as what Python holds. So it is
the same on every device and says nothing of what an allocator adds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Living(TorchDispatchMode):
    """Within a `with`, follows the storages of what operations give for as long as something holds them.

    Attributes:
        known: storages that are not followed, by what tells them apart.
        followed: those that are, and their bytes.
        follows: whether what is made now is followed.
    """

    def __init__(self, known: Iterable[Tensor] = ()) -> None:
        """Follow all but the storages of some tensors that are there already."""
        super().__init__()
        self.known: dict[int, StorageWeakRef] = {}
        self.followed: dict[int, tuple[StorageWeakRef, int]] = {}
        self.follows = True
        self._total = 0
        self.leave_out(known)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = func(*args, **(kwargs or {}))
        for one in tree_leaves(given):
            if isinstance(one, Tensor):
                for part in _parts(one):
                    # A weak reference keeps the address from being given to another storage.
                    reference, size = StorageWeakRef(part.untyped_storage()), part.untyped_storage().nbytes()
                    key = reference.cdata
                    if key in self.followed or (self.follows and key not in self.known):
                        self._total += size - self.followed.get(key, (None, 0))[1]
                        self.followed[key] = (reference, size)
        self.after()
        return given

    def after(self) -> None:
        """Called after every operation; nothing here."""

    def leave_out(self, tensors: Iterable[Tensor]) -> None:
        """Do not count some tensors."""
        for tensor in tensors:
            reference = StorageWeakRef(tensor.untyped_storage())
            self.known[reference.cdata] = reference
            self._forget(reference.cdata)

    def bytes(self) -> int:
        """Give the size of what is followed and alive."""
        expired = torch.UntypedStorage._expired  # type: ignore[attr-defined]  # of what only a weak reference is left
        for key in [key for key in self.followed if expired(key)]:
            self._forget(key)
        return self._total

    def _forget(self, key: int) -> None:
        _, size = self.followed.pop(key, (None, 0))
        self._total -= size


def _parts(tensor: Tensor) -> tuple[Tensor, ...]:
    """A sparse matrix by rows has no storage of its own, but those of its parts."""
    if tensor.layout is torch.sparse_csr:
        return tensor.crow_indices(), tensor.col_indices(), tensor.values()
    return (tensor,)
