import pytest
import torch
from torch import Tensor

from onward.kernels.labels import append, write_over
from onward.nets.labelled import Labelled, one_hot, patterns

X = torch.arange(12.0).view(2, 6)
Y = torch.tensor([0, 2])


def labelled(seed: int = 5) -> Labelled:
    return Labelled(one_hot(3, 1.0, X), write_over, seed)


def test_the_right_label_is_written_as_it_is() -> None:
    expected = torch.tensor([[1.0, 0, 0, 3, 4, 5], [0, 0, 1, 9, 10, 11]])
    assert torch.equal(labelled().right(X, Y), expected)


def test_no_label_in_particular_is_a_third_of_each_of_three() -> None:
    torch.testing.assert_close(labelled().neutral(X)[:, :3], torch.full((2, 3), 1 / 3))


def test_every_label_is_tried_in_order_whether_together_or_one_by_one() -> None:
    few = torch.cat(list(labelled().every(X)))  # all labels of one example side by side
    assert torch.equal(few.view(2, 3, 6)[:, :, :3], torch.eye(3).expand(2, 3, 3))
    many = X.repeat(1500, 1)
    parts = list(labelled().every(many))
    assert len(parts) == 3
    for k, part in enumerate(parts):
        assert torch.equal(part, labelled().right(many, torch.full((3000,), k)))


def drawn(one: Labelled, batch: int) -> Tensor:
    y = torch.arange(300) % 3
    return one.wrong(X.repeat(150, 1), y, batch)


def test_wrong_labels_follow_from_the_seed_and_the_number_of_the_batch() -> None:
    assert torch.equal(drawn(labelled(), 7), drawn(labelled(), 7))
    assert not torch.equal(drawn(labelled(), 7), drawn(labelled(), 8))
    assert not torch.equal(drawn(labelled(5), 7), drawn(labelled(6), 7))


def test_batches_are_counted_in_training_mode_only_and_in_the_state_dict() -> None:
    one = labelled()
    assert [one.count() for _ in range(3)] == [0, 1, 2]
    one.eval()
    assert [one.count() for _ in range(3)] == [3, 3, 3]
    other = labelled(seed=6)
    other.load_state_dict(one.state_dict())
    assert other.count() == 3
    assert torch.equal(drawn(one, 3), drawn(other, 3))


def test_patterns_are_alike_in_every_dtype_and_differ_between_classes() -> None:
    single, double = (patterns(4, 9, torch.Generator().manual_seed(0), X.to(t)) for t in (torch.float32, torch.float64))
    torch.testing.assert_close(single.double(), double, rtol=1e-6, atol=1e-7)
    assert single.unique(dim=0).shape == (4, 9)
    assert torch.equal(Labelled(single, append, 0).right(X, Y)[:, 6:], single[Y])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (torch.tensor([0.5, 1.5]), "takes class numbers \\(int64\\), got targets of torch.float32"),
        (torch.zeros(2, 3), "takes class numbers \\(int64\\), got targets of torch.float32"),
        (torch.tensor([0, 3]), "label 3 is out of range: 3 outputs take labels 0 to 2"),
        (torch.tensor([0]), "takes targets of shape 2, got \\(1,\\)"),
        (torch.tensor([[0], [1]]), "takes targets of shape 2, got \\(2, 1\\)"),
    ],
)
def test_targets_that_are_no_classes_are_refused(y: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        labelled().check(y, len(X))


def test_one_class_has_no_wrong_label() -> None:
    with pytest.raises(ValueError, match="at least two classes, got 1"):
        Labelled(one_hot(1, 1.0, X), write_over, 0)
