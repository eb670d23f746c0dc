"""What every learner keeps to. A new rule joins by one line in the table."""

from collections.abc import Callable
from functools import partial

import pytest
import torch

from onward import graphs
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.deep_supervision import DeepSupervision
from onward.learners.direct_feedback_alignment import DirectFeedbackAlignment
from onward.learners.feedback_alignment import FeedbackAlignment
from onward.learners.forward_forward import ForwardForward
from onward.learners.forward_only import ForwardOnly
from onward.learners.joint import Joint
from onward.learners.layer_collaboration import LayerCollaboration
from onward.learners.local_similarity import LocalSimilarity
from onward.learners.mono_forward import MonoForward
from onward.learners.one_pass_forward_forward import OnePassForwardForward
from onward.learners.symba import SymBa
from onward.learners.two_passes import Peers
from onward.nets.builders import mlp
from onward.nets.layered import LayeredNet
from onward.nets.mesh import MeshNet
from onward.nets.readouts import total
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe, fit

ON_MESHES: dict[str, Callable[[MeshNet], AbstractLearner]] = {
    "forward-only": ForwardOnly,
    "forward-only, influence": partial(ForwardOnly, engine="influence"),
    "backprop through ticks": Backprop,
}
# A block of so few neurons cannot be sure that a label is wrong if its threshold is a tenth of their number.
NARROW = {"threshold": 1.0, "strength": 1.0}
ON_LAYERS: dict[str, Callable[[LayeredNet], AbstractLearner]] = {
    "backprop": Backprop,
    "mono-forward": MonoForward,
    "mono-forward, summed": partial(MonoForward, readout=total),
    "feedback alignment": FeedbackAlignment,
    "direct feedback alignment": DirectFeedbackAlignment,
    "deep supervision": DeepSupervision,
    "joint": Joint,
    "joint, summed": partial(Joint, readout=total),
    "local similarity": LocalSimilarity,
    "local similarity alone": partial(LocalSimilarity, weight=1.0),
    "forward-forward": partial(ForwardForward, **NARROW),
    "forward-forward, peers": partial(ForwardForward, peers=Peers(), **NARROW),
    "forward-forward, passes apart": partial(ForwardForward, apart=1, **NARROW),
    "one-pass forward-forward": partial(OnePassForwardForward, **NARROW),
    "layer collaboration": partial(LayerCollaboration, **NARROW),
    "symba": lambda net: SymBa(mlp(net.shapes[0][0] + 4, [n for (n,) in net.shapes[1:]], net.outputs), pattern=4),
}


@pytest.fixture(params=[*ON_MESHES, *ON_LAYERS])
def learner(request: pytest.FixtureRequest) -> AbstractLearner:
    generator = torch.Generator().manual_seed(3)
    if request.param in ON_MESHES:
        return ON_MESHES[request.param](MeshNet(graphs.mesh(5, 5, 2), 3, hidden="tanh", generator=generator))
    return ON_LAYERS[request.param](mlp(5, (12, 8), 2, generator=generator))


THREE = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
X = torch.cat([torch.zeros(12, 2), THREE], 1)  # two columns of nothing, for rules that write the label there
Y = (THREE[:, 0] > 0).long()


def test_gradients_are_keyed_and_shaped_like_the_parameters(learner: AbstractLearner) -> None:
    parameters = dict(learner.named_parameters())
    named = set()
    for credit in learner.credit(X, Y):
        assert credit.loss.isfinite()
        for name, gradient in credit.gradients.items():
            assert gradient.shape == parameters[name].shape
            assert not gradient.requires_grad
            named.add(name)
    assert named == set(parameters)


def test_credit_changes_nothing_in_evaluation_mode(learner: AbstractLearner) -> None:
    learner.eval()
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    state = torch.random.get_rng_state()
    list(learner.credit(X, Y))
    for name, value in learner.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in learner.parameters())
    assert torch.equal(state, torch.random.get_rng_state())


def test_credit_changes_buffers_at_the_most_in_training_mode(learner: AbstractLearner) -> None:
    """Statistics and counts may move on, as those of normalisation do; weights and the global random state may not."""
    before = {name: value.clone() for name, value in learner.named_parameters()}
    state = torch.random.get_rng_state()
    list(learner.train().credit(X, Y))
    for name, value in learner.named_parameters():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
        assert value.grad is None
    assert torch.equal(state, torch.random.get_rng_state())


def test_credit_follows_from_the_batch_and_the_state_dict(learner: AbstractLearner) -> None:
    learner.train()
    list(learner.credit(X, Y))
    state = {name: value.clone() for name, value in learner.state_dict().items()}
    one = list(learner.credit(X, Y))
    learner.load_state_dict(state)
    for a, b in zip(one, learner.credit(X, Y), strict=True):
        assert torch.equal(a.loss, b.loss)
        assert all(torch.equal(a.gradients[name], b.gradients[name]) for name in a.gradients)


def test_credit_works_with_gradients_switched_off(learner: AbstractLearner) -> None:
    with torch.no_grad():
        found = [credit.gradients for credit in learner.credit(X, Y)]
    assert sum(float(g.norm()) for parcel in found for g in parcel.values()) > 0


def test_scores_have_one_column_a_class_and_no_history(learner: AbstractLearner) -> None:
    scores = learner.scores(X)
    assert scores.shape == (12, 2)
    assert not scores.requires_grad


@pytest.mark.parametrize("y", [Y[:3], Y[:, None], Y.double(), torch.stack([Y, Y], 1)], ids=lambda y: str(tuple(y.shape)))
def test_targets_that_do_not_fit_the_batch_are_refused(learner: AbstractLearner, y: torch.Tensor) -> None:
    with pytest.raises((ValueError, RuntimeError)) as refused:
        list(learner.credit(X, y))
    if y.dtype == torch.int64:
        assert refused.type is ValueError
        assert "takes targets of shape 12" in str(refused.value)


def test_importance_is_how_often_an_example_counts(learner: AbstractLearner) -> None:
    learner.eval()  # a rule that counts batches must see the same one again
    times = torch.arange(12) % 3
    repeated = torch.repeat_interleave(torch.arange(12), times)
    weighted = list(learner.credit(X, Y, importance=times / times.float().mean()))
    several = list(learner.credit(X[repeated], Y[repeated]))
    for one, other in zip(weighted, several, strict=True):
        torch.testing.assert_close(one.loss, other.loss)
        for name, gradient in one.gradients.items():
            torch.testing.assert_close(gradient, other.gradients[name], rtol=1e-4, atol=1e-6)
    assert all(not torch.equal(a.loss, b.loss) for a, b in zip(weighted, learner.credit(X, Y), strict=True))


def test_learners_learn(learner: AbstractLearner) -> None:
    data = Dataset("signs", Split(X, Y), Split(X, Y))
    recipe = Recipe(partial(torch.optim.Adam, lr=0.05), epochs=60)
    epochs = list(fit(learner, data, recipe, generator=torch.Generator().manual_seed(0)))
    assert epochs[-1].loss < 0.1 * epochs[0].loss
    assert (learner.scores(X).argmax(-1) == Y).all()


def test_state_dict_holds_every_parameter_and_loads_back(learner: AbstractLearner) -> None:
    state = {name: value.clone() for name, value in learner.state_dict().items()}
    assert set(dict(learner.named_parameters())) <= set(state)
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.add_(1)
    learner.load_state_dict(state)
    for name, value in learner.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=0, atol=0)


def test_all_exact_rules_give_one_loss_trace() -> None:
    """Golden: five full-batch steps of every exact rule, in float64. A change here is a change of the numerics."""
    golden = [0.57500337657977, 0.55571432020631, 0.53866663479668, 0.52351490286817, 0.50997489308612]
    traces = {}
    for name, rule in ON_MESHES.items():
        generator = torch.Generator().manual_seed(3)
        learner = rule(MeshNet(graphs.mesh(3, 5, 2), 3, hidden="tanh", generator=generator, dtype=torch.float64))
        data = Dataset("signs", Split(THREE.double(), Y), Split(THREE.double(), Y))
        recipe = Recipe(partial(torch.optim.SGD, lr=0.1), epochs=5)
        traces[name] = [e.loss.item() for e in fit(learner, data, recipe, generator=torch.Generator().manual_seed(0))]
    for trace in traces.values():
        assert trace == pytest.approx(golden, rel=1e-9)
