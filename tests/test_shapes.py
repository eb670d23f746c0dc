"""The shapes in signatures are checked while tests run: without this, every annotation is a comment."""

import pytest
import torch

from onward.kernels import losses


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(Exception, match="Type-check error"):
        losses.cross_entropy(torch.zeros(3), torch.zeros(3, dtype=torch.int64))
