"""Accuracy as scikit-learn counts it."""

import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from onward.training.metrics import accuracy, balanced_accuracy


def test_metrics_equal_scikit_learn(generator: torch.Generator) -> None:
    scores = torch.randn(2, 50, 3, generator=generator)
    labels = (torch.rand(2, 50, generator=generator) * 5).long().clamp(max=2)
    for k in range(2):
        said, true = scores[k].argmax(-1).numpy(), labels[k].numpy()
        torch.testing.assert_close(accuracy(scores, labels)[k].item(), accuracy_score(true, said))
        torch.testing.assert_close(balanced_accuracy(scores, labels)[k].item(), balanced_accuracy_score(true, said))


def test_a_class_that_does_not_occur_does_not_count() -> None:
    scores = torch.eye(3)[[0, 0, 1]]
    assert balanced_accuracy(scores, torch.tensor([0, 0, 0])).item() == accuracy(scores, torch.tensor([0, 0, 0])).item()
