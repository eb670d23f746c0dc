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
    """Within a `with`, follows the storages of what operations give for as long as something holds them."""

    def __init__(self, known: Iterable[Tensor] = ()) -> None:
        """Follow all but the storages of some tensors that are there already."""
        super().__init__()
        self.known: dict[int, StorageWeakRef] = {}
        self.followed: dict[int, tuple[StorageWeakRef, int]] = {}
        self.leave_out(known)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = func(*args, **(kwargs or {}))
        for one in tree_leaves(given):
            if isinstance(one, Tensor):
                for part in _parts(one):
                    # A weak reference keeps the address from being given to another storage.
                    reference, size = StorageWeakRef(part.untyped_storage()), part.untyped_storage().nbytes()
                    if reference.cdata not in self.known:
                        self.followed[reference.cdata] = (reference, size)
        self.after()
        return given

    def after(self) -> None:
        """Called after every operation; nothing here."""

    def leave_out(self, tensors: Iterable[Tensor]) -> None:
        """Do not count some tensors."""
        for tensor in tensors:
            reference = StorageWeakRef(tensor.untyped_storage())
            self.known[reference.cdata] = reference
            self.followed.pop(reference.cdata, None)

    def bytes(self) -> int:
        """Give the size of what is followed and alive."""
        self.followed = {key: one for key, one in self.followed.items() if not one[0].expired()}
        return sum(size for _, size in self.followed.values())


def _parts(tensor: Tensor) -> tuple[Tensor, ...]:
    """A sparse matrix by rows has no storage of its own, but those of its parts."""
    if tensor.layout is torch.sparse_csr:
        return tensor.crow_indices(), tensor.col_indices(), tensor.values()
    return (tensor,)
