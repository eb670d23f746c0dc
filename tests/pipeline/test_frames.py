"""What is packed comes out as it was: numbers, dtypes, strides, and aligned as fresh tensors are."""

import pytest
import torch
from torch import Tensor

from onward.pipeline.frames import DTYPES, Frame, Kind, pack, payload_size, size_of, unpack

MAP = torch.randn(2, 3, 4, 5)
SHAPES = {
    "vector": torch.randn(7),
    "number": torch.tensor(3.0),
    "rows of a matrix": torch.randn(8, 3)[2:5],
    "transposed": torch.randn(4, 5).T,
    "channels last": MAP.to(memory_format=torch.channels_last),
    "part of a channels last": MAP.to(memory_format=torch.channels_last)[1:],
    "nothing": torch.zeros(0, 3),
    "with a graph": torch.randn(3, requires_grad=True) * 2,
}
GAPS = {"every other column": torch.randn(2, 6)[:, ::2], "repeated": torch.randn(3, 1).expand(3, 4)}


def through(*tensors: Tensor | None) -> tuple[Tensor | None, ...]:
    frame = Frame(Kind.STEP, 12, True, tensors)
    payload = torch.empty(size_of(frame) + 100, dtype=torch.uint8)
    header = pack(frame, payload)
    found = unpack(header, payload[: payload_size(header)])
    assert found[:3] == frame[:3]
    return found.tensors


@pytest.mark.parametrize("name", SHAPES | GAPS)
def test_a_tensor_comes_out_as_it_was(name: str) -> None:
    tensor = (SHAPES | GAPS)[name]
    first, found, none, again = through(torch.ones(5).bool(), tensor, None, tensor)
    assert first is not None
    assert none is None
    for one in (found, again):
        assert one is not None
        assert torch.equal(one, tensor)
        assert one.dtype == tensor.dtype
        assert not one.requires_grad
        assert one.data_ptr() % 64 == 0
        if name in SHAPES:
            assert one.stride() == tensor.stride()
        else:
            assert one.is_contiguous()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_goes(dtype: torch.dtype) -> None:
    tensor = (torch.randn(3, 5) * 3).to(dtype)
    (found,) = through(tensor)
    assert found is not None
    assert found.dtype == dtype
    assert torch.equal(found, tensor)


def test_what_was_packed_may_be_changed() -> None:
    tensor = torch.ones(3)
    frame = Frame(Kind.STEP, tensors=(tensor,))
    payload = torch.empty(size_of(frame), dtype=torch.uint8)
    header = pack(frame, payload)
    tensor.zero_()
    (found,) = unpack(header, payload).tensors
    assert found is not None
    assert found.eq(1).all()


def test_a_frame_of_too_many_tensors_is_refused() -> None:
    with pytest.raises(ValueError, match="in 256 numbers, got"):
        through(*[torch.zeros(1, 1)] * 50)
