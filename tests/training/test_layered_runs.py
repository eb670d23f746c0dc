"""The loop with layered nets: modes, statistics that belong to the best epoch, augmentation, products in half precision."""

from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from jaxtyping import TypeCheckError
from torch import Tensor, nn

from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.direct_feedback_alignment import DirectFeedbackAlignment
from onward.learners.feedback_alignment import FeedbackAlignment
from onward.learners.forward_forward import ForwardForward
from onward.learners.joint import Joint
from onward.learners.mono_forward import MonoForward
from onward.learners.symba import SymBa
from onward.nets.builders import cnn, mlp
from onward.nets.readouts import last, mean, total
from onward.training import checkpoint
from onward.training.data import Dataset, Lesson, Split, stack
from onward.training.fit import Recipe, Training, fit
from onward.training.judging import JUDGED_TOGETHER, evaluate, scores_of

ADAM = partial(torch.optim.Adam, lr=0.01)
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(40, 6, generator=GENERATOR)
Y = (X[:, 0] * X[:, 1] > 0).long()
DATA = Dataset("signs", Split(X[:30], Y[:30]), Split(X, Y), Split(X[30:], Y[30:]))


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normalised() -> MonoForward:
    return MonoForward(mlp(6, (8, 8), 2, normalise=nn.BatchNorm1d, generator=seeded()))


def noise(x: Tensor, generator: torch.Generator) -> Tensor:
    return x + 0.1 * torch.randn(x.shape, generator=generator)


def noise_of(x: Tensor, generator: torch.Generator, *, scale: float) -> Tensor:
    return x + scale * torch.randn(x.shape, generator=generator)


def test_steps_are_taken_in_training_mode_and_looked_at_in_evaluation_mode() -> None:
    learner = normalised()
    seen = []
    credit = learner.credit
    learner.credit = lambda *a, **k: seen.append(learner.training) or credit(*a, **k)  # pyright: ignore[reportAttributeAccessIssue]
    training = Training(learner, DATA, Recipe(ADAM, 2, 10), generator=seeded())
    assert all(not learner.training for _ in training.steps())
    assert seen == [True] * 6
    assert learner.net.blocks[0][1].num_batches_tracked == 6  # pyright: ignore[reportIndexIssue]


def test_judging_leaves_statistics_alone_and_the_mode_as_it_was() -> None:
    learner = normalised().train()
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    evaluate(learner, DATA.test)
    assert learner.training
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())


def test_large_splits_are_judged_in_parts() -> None:
    learner = MonoForward(mlp(2, (3,), 2))
    x = torch.randn(JUDGED_TOGETHER + 7, 2, generator=seeded())
    sizes = []
    scores = learner.scores
    learner.scores = lambda part: sizes.append(len(part)) or scores(part)  # pyright: ignore[reportAttributeAccessIssue]
    found = scores_of(learner, Split(x, torch.zeros(len(x), dtype=torch.int64)))
    assert sizes == [JUDGED_TOGETHER, 7]
    torch.testing.assert_close(found, learner.net(x).detach())


def test_the_best_epoch_is_put_back_with_its_running_statistics() -> None:
    learner = normalised()
    kept: list[dict[str, Tensor]] = []
    losses = []
    for epoch in fit(learner, DATA, Recipe(partial(torch.optim.SGD, lr=2.0), 8, 10, patience=8), generator=seeded()):
        assert epoch.validation_loss is not None
        losses.append(epoch.validation_loss.item())
        kept.append({name: value.clone() for name, value in learner.state_dict().items()})
    best = losses.index(min(losses))
    assert best < 7
    assert all(torch.equal(value, kept[best][name]) for name, value in learner.state_dict().items())
    assert not all(torch.equal(value, kept[-1][name]) for name, value in kept[best].items())


def test_only_batches_that_are_learned_from_are_changed_at_random() -> None:
    seen: list[Tensor] = []

    def marked(x: Tensor, generator: torch.Generator) -> Tensor:
        seen.append(x)
        return x + 100

    learner = Backprop(mlp(6, (4,), 2, generator=seeded()))
    learned_from: list[Tensor] = []
    judged: list[Tensor] = []
    credit, scores = learner.credit, learner.scores
    learner.credit = lambda x, y, **k: learned_from.append(x) or credit(x, y, **k)  # pyright: ignore[reportAttributeAccessIssue]
    learner.scores = lambda x: judged.append(x) or scores(x)  # pyright: ignore[reportAttributeAccessIssue]
    list(fit(learner, Lesson("signs", DATA.train, DATA.validation, marked), Recipe(ADAM, 1, 10), generator=seeded()))
    assert len(seen) == len(learned_from) == 3
    assert all(torch.equal(x + 100, y) for x, y in zip(seen, learned_from, strict=True))
    assert all(float(x.max()) < 50 for x in judged)


@pytest.mark.parametrize("left_at", [1, 3, 4, 8])
def test_a_run_with_augmentation_goes_on_from_a_file_as_if_never_left(tmp_path: Path, left_at: int) -> None:
    data = Lesson("signs", DATA.train, DATA.validation, noise)
    recipe = Recipe(ADAM, 3, 10)
    whole = Training(normalised(), data, recipe, generator=seeded())
    list(whole.steps())
    part = Training(normalised(), data, recipe, generator=seeded())
    list(islice(part.steps(), left_at))
    checkpoint.save(part, tmp_path / "run")
    resumed = Training(normalised(), data, recipe, generator=seeded(9))
    checkpoint.resume(resumed, tmp_path / "run")
    list(resumed.steps())
    for name, value in whole.learner.state_dict().items():
        assert torch.equal(value, resumed.learner.state_dict()[name]), name
    plain = Training(normalised(), DATA, recipe, generator=seeded())
    list(plain.steps())
    assert not torch.equal(next(plain.learner.parameters()), next(whole.learner.parameters()))


def test_data_that_are_changed_at_random_are_not_stacked() -> None:
    lesson = Lesson("signs", DATA.train, None, noise)
    with pytest.raises(ValueError, match="changed at random cannot be stacked"):
        stack([lesson, lesson])


@pytest.mark.parametrize("rule", [Backprop, MonoForward])
def test_products_in_half_precision_learn_alike_and_keep_everything_else_in_single(
    rule: Callable[..., AbstractLearner],
) -> None:
    ends = {}
    for products in (None, torch.bfloat16):
        learner = rule(cnn((1, 2, 3), 2, channels=(8,), generator=seeded()))
        data = Dataset("signs", Split(X.view(-1, 1, 2, 3), Y), Split(X.view(-1, 1, 2, 3), Y))
        epochs = list(fit(learner, data, Recipe(ADAM, 40, 10, products=products), generator=seeded()))
        ends[products] = epochs[-1].loss.item()
        assert all(value.dtype == torch.float32 for value in learner.parameters())
        assert epochs[-1].loss.dtype == torch.float32
        assert learner.scores(data.test.x).dtype == torch.float32
    assert ends[torch.bfloat16] == pytest.approx(ends[None], rel=0.1)
    assert ends[torch.bfloat16] != ends[None]


def test_a_recipe_of_before_products_is_described_as_before() -> None:
    from onward.description import describe

    assert "products" not in describe(Recipe(ADAM, 1))
    assert describe(Recipe(ADAM, 1, products=torch.bfloat16))["products"] == "torch.bfloat16"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 1.5}, "epochs must be a whole number of at least 1, got 1.5"),
        ({"products": torch.int8}, "torch.bfloat16 or torch.float16, got torch.int8"),
        ({"optimiser": "adam"}, "as partial(torch.optim.Adam, lr=0.001), got str"),
    ],
)
def test_recipes_that_cannot_be_followed_are_refused(changes: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"optimiser": ADAM, "epochs": 1} | changes
    with pytest.raises((ValueError, TypeCheckError)) as refused:
        Recipe(**given)
    if refused.type is ValueError:
        assert words in str(refused.value)


@pytest.mark.parametrize("changed", ["readout", "learning", "augmentation", "rate of augmentation"])
def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path, changed: str) -> None:
    recipe = Recipe(ADAM, 3, 10)

    def begun(**changes: Any) -> Training:
        learner = MonoForward(mlp(6, (8, 8), 2, generator=seeded()), readout=changes.get("readout", last))
        learner.learning = changes.get("learning", learner.learning)
        data = Lesson("signs", DATA.train, DATA.validation, changes.get("augment", partial(noise_of, scale=0.1)))
        return Training(learner, data, recipe, generator=seeded())

    run = begun()
    next(run.steps())
    checkpoint.save(run, tmp_path / "run")
    checkpoint.resume(begun(), tmp_path / "run")
    others = {
        "readout": {"readout": total},
        "learning": {"learning": frozenset({1})},
        "augmentation": {"augment": None},
        "rate of augmentation": {"augment": partial(noise_of, scale=0.2)},
    }
    other = begun(**others[changed])
    words = "another augmentation" if "augmentation" in changed else f"other settings of its rule: {changed} was"
    with pytest.raises(ValueError, match=words):
        checkpoint.resume(other, tmp_path / "run")


@pytest.mark.parametrize("rule", [MonoForward, DirectFeedbackAlignment, FeedbackAlignment, Joint, ForwardForward, SymBa])
def test_a_plain_module_is_refused_with_the_way_to_a_layered_net(rule: Callable[..., AbstractLearner]) -> None:
    with pytest.raises((ValueError, TypeCheckError)) as refused:
        rule(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
    if refused.type is ValueError:
        assert "expected a LayeredNet, got Sequential" in str(refused.value)


def test_the_sum_of_predicted_values_is_no_readout() -> None:
    with pytest.raises(ValueError, match="take the readout mean or last"):
        MonoForward(mlp(3, (4, 4), 1), "mean squared error", readout=total)
    learner = MonoForward(mlp(3, (4, 4), 1), "mean squared error", readout=mean)
    x = torch.randn(5, 3, generator=seeded())
    torch.testing.assert_close(learner.scores(x), sum(learner.goodness(x)).detach() / 2)  # pyright: ignore[reportAttributeAccessIssue]
