"""The experiments of Mono-Forward's claims: small runs of their trials, and verdicts that follow from the numbers."""

from collections.abc import Sequence
from functools import partial

import pytest
import torch

from onward.datasets.small import digits
from onward.experiments.result import Result
from onward.experiments.spec import Outcome
from onward.experiments.statistics import Mean
from onward.learners.backprop import Backprop
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp
from onward.nets.layered import LayeredNet
from onward.papers.mono_forward import claims, damage, early_exit, plugging, table_1
from onward.papers.mono_forward.plugging_trials import add_a_block, learn_new_classes
from onward.papers.mono_forward.retraining import damage_and_retrain
from onward.reports.artefact import Artefact, Element, Table, Text
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe, fit

QUICK = Recipe(partial(torch.optim.Adam, lr=0.02), epochs=3, batch=25)
NET = partial(mlp, 64, (20, 16, 12), 10, bias=False)
ARTEFACTS = [table_1.ARTEFACT, damage.ARTEFACT, plugging.ARTEFACT, early_exit.ARTEFACT]


def small(seed: int) -> Dataset:
    data = digits(seed)
    return Dataset("digits", Split(data.train.x[:250], data.train.y[:250]), data.test, data.validation)


def quiet(part: float) -> None:
    assert 0 <= part <= 1


def results(name: str, outcomes: Sequence[Outcome]) -> list[Result]:
    return [
        Result(name, 100 + k, [100 + k], "", {}, outcome.metrics, {}, 1.0, {}, "") for k, outcome in enumerate(outcomes)
    ]


def shifted(outcome: Outcome, **changes: float) -> list[Outcome]:
    """Three seeds around an outcome, some of its metrics set: counts alike, others spread a little."""
    return [
        Outcome(
            {
                **outcome.metrics,
                **{name: value + (0 if isinstance(value, int) else 1e-5 * k) for name, value in changes.items()},
            },
            {},
        )
        for k in range(3)
    ]


def words_of(elements: Sequence[Element]) -> str:
    return " ".join(one.words for one in elements if isinstance(one, Text))


@pytest.fixture(scope="module")
def rows() -> tuple[Outcome, Outcome]:
    learner, rival = MonoForward(NET()), Backprop(NET())
    for one in (learner, rival):
        list(fit(one, small(0), QUICK, generator=torch.Generator().manual_seed(0)))
    ours = Outcome(dict(table_1.every_depth(learner, small(0))), {})
    return ours, Outcome({"test_accuracy": 0.9, **table_1.probed(rival, small(0), recipe=QUICK)}, {})


@pytest.fixture(scope="module")
def damaged() -> Outcome:
    (outcome,) = damage_and_retrain(
        [3], quiet, data=small, net=NET, harms=damage.HARMS, recipe=QUICK, again=Recipe(QUICK.optimiser, 1, 50)
    )
    return outcome


@pytest.fixture(scope="module")
def exited() -> Outcome:
    trial = partial(early_exit.exits, thresholds=early_exit.THRESHOLDS, batch=100)
    learner = MonoForward(NET(generator=torch.Generator().manual_seed(0)))
    list(fit(learner, small(0), QUICK, generator=torch.Generator().manual_seed(0)))
    return Outcome(dict(trial(learner, small(0))), {})


@pytest.fixture(scope="module")
def added() -> Outcome:
    arguments = {"data": small, "net": partial(mlp, 64, bias=False), "widths": (20, 16, 12)}
    (outcome,) = add_a_block([3], quiet, **arguments, outputs=10, recipe=QUICK)  # pyright: ignore[reportArgumentType]
    return outcome


@pytest.fixture(scope="module")
def later() -> Outcome:
    arguments = {"data": small, "net": partial(mlp, 64, bias=False), "widths": (20, 16), "later": (8, 9), "classes": 10}
    (outcome,) = learn_new_classes([3], quiet, **arguments, first=QUICK, again=QUICK)  # pyright: ignore[reportArgumentType]
    return outcome


@pytest.mark.parametrize("artefact", ARTEFACTS, ids=lambda one: one.name)
def test_specs_can_be_written_down_and_names_are_their_own(artefact: Artefact) -> None:
    names = [experiment.name for experiment in artefact.experiments]
    assert len(set(names)) == len(names)
    assert all(len(experiment.digest) == 64 for experiment in artefact.experiments)
    assert all(experiment.seeds == 3 for experiment in artefact.experiments)


@pytest.mark.parametrize("artefact", ARTEFACTS, ids=lambda one: one.name)
def test_reports_without_results_are_drawn_too(artefact: Artefact) -> None:
    assert artefact.render({experiment.name: [] for experiment in artefact.experiments})


def test_an_interval_decides_where_a_difference_stands() -> None:
    assert claims.stands(Mean(0.02, 0.01, 3)) == "above"
    assert claims.stands(Mean(-0.02, 0.01, 3)) == "below"
    assert claims.stands(Mean(0.02, 0.03, 3)) == "level"
    assert claims.stands(Mean(-0.02, 0.03, 3)) == "level"
    assert claims.stands(Mean(0.0, 0.0, 3)) == "level"
    assert claims.stands(Mean(0.5, float("nan"), 1)) == "unknown"
    assert claims.told(Mean(-0.02, 0.01, 3)) == "below (-2.00 ± 1.00 points)"
    assert claims.counted({"a": ["x", "y"], "b": []}) == "a: x, y"


@pytest.mark.parametrize(("third", "verdict"), [(0.90, "**holds** here"), (0.96, "**does not hold** here")])
def test_table_1_judges_the_third_layer_by_its_numbers(rows: tuple[Outcome, Outcome], third: float, verdict: str) -> None:
    ours, theirs = rows
    assert {f"test_accuracy_total_of_{depth}" for depth in (2, 3)} <= set(ours.metrics)
    assert {f"test_accuracy_probe_{k}" for k in (1, 2, 3)} <= set(theirs.metrics)
    assert min(theirs.metrics.values()) > 0.3
    changed = shifted(ours, test_accuracy_block_2=0.95, test_accuracy_block_3=third, test_accuracy_last=third)
    changed[0].metrics["test_accuracy_block_2"] = 0.951
    found = {experiment.name: results(experiment.name, changed) for experiment in table_1.OURS.values()}
    found |= {experiment.name: results(experiment.name, shifted(theirs)) for experiment in table_1.RIVALS.values()}
    elements = table_1.render(found)
    assert words_of(elements).count(f"*The third layer is worse than the second* {verdict}") == 2
    table = next(one for one in elements if isinstance(one, Table))
    assert [row[0] for row in table.rows][:4] == ["BP", "MF (FF pred)", "MF layer 1", "MF layer 2"]
    single = {name: several[:1] for name, several in found.items()}
    assert "cannot be judged from one seed" in words_of(table_1.render(single))


def test_the_two_layer_net_of_table_1_is_the_three_layer_net_cut() -> None:
    """What spares training it: the whole table of two layers, bitwise, trained by itself."""

    recipe = Recipe(QUICK.optimiser, 1, 25)

    def taught(net: LayeredNet) -> MonoForward:
        learner = MonoForward(net)
        list(fit(learner, small(0), recipe, generator=torch.Generator().manual_seed(0)))
        return learner

    three = table_1.every_depth(taught(NET(generator=torch.Generator().manual_seed(1))), small(0))
    two = table_1.every_depth(
        taught(mlp(64, (20, 16), 10, bias=False, generator=torch.Generator().manual_seed(1))), small(0)
    )
    for part in ("validation", "test"):
        assert three[f"{part}_accuracy_total_of_2"] == two[f"{part}_accuracy_total"]
        assert three[f"{part}_accuracy_block_2"] == two[f"{part}_accuracy_last"]


def test_damage_is_done_to_one_block_and_undone_before_the_next(damaged: Outcome) -> None:
    found = damaged.metrics
    for harm in damage.HARMS:
        for position, harmed in (("first", 0), ("middle", 1), ("last", 2)):
            for k in range(harmed):
                assert found[f"{harm}_{position}_damaged_block_{k + 1}"] == found[f"before_block_{k + 1}"]
                assert found[f"{harm}_{position}_onward_block_{k + 1}"] == found[f"before_block_{k + 1}"]
    for position in damage.POSITIONS:
        assert found[f"none_{position}_damaged_last"] == found[f"none_{position}_mended_last"] == found["before_last"]
        assert found[f"none_{position}_bp_damaged"] == found["bp_before"]
        assert found[f"attack_{position}_damaged_last"] < found["before_last"] - 0.02
        assert found[f"attack_{position}_bp_damaged"] < found["bp_before"]
        assert found[f"attack_{position}_onward_last"] > found[f"attack_{position}_damaged_last"]
        assert found[f"attack_{position}_bp_passes"] > 0
    for harm in damage.HARMS:  # nothing comes back from later blocks, so it is retrained alike with them and alone
        assert found[f"{harm}_first_onward_block_1"] == found[f"{harm}_first_alone_block_1"]
        assert found[f"{harm}_middle_onward_block_2"] == found[f"{harm}_middle_alone_block_2"]
    assert found["attack_last_alone_last"] == found["attack_last_onward_last"]
    assert found["attack_first_alone_last"] != found["attack_first_onward_last"]


@pytest.mark.parametrize(
    ("change", "control", "verdict"),
    [
        (0.0, 0.0, "**is not contradicted** here. recovered"),
        (-0.1, -0.1, "**is not contradicted** here. below what it was, but level"),
        (-0.1, 0.0, "**does not hold** here. not recovered"),
    ],
)
def test_the_sentence_on_retraining_is_judged_by_its_numbers(
    damaged: Outcome, change: float, control: float, verdict: str
) -> None:
    before = damaged.metrics["before_last"]
    moved = {f"{harm}_{position}_alone_last": before + change for harm, position in damage.CASES}
    moved |= {f"{harm}_{position}_alone_last": before + control for harm, position in damage.CONTROLS}
    several = results(damage.EXPERIMENT.name, shifted(damaged, before_last=before, **moved))
    elements = damage.render({damage.EXPERIMENT.name: several})
    assert verdict in words_of(elements)
    moved[f"{damage.CASES[0][0]}_{damage.CASES[0][1]}_alone_last"] = before + 0.1
    several = results(damage.EXPERIMENT.name, shifted(damaged, before_last=before, **moved))
    mixed = words_of(damage.render({damage.EXPERIMENT.name: several}))
    assert ("**holds in part**" in mixed) == ("does not hold" in verdict)
    single = words_of(damage.render({damage.EXPERIMENT.name: several[:1]}))
    assert "**holds" not in single
    assert "cannot be judged" in single


def test_an_added_block_leaves_the_weights_before_it(added: Outcome) -> None:
    found = added.metrics
    assert found["changed_weights"] == found["weights_unlike_whole"] == 0
    assert found["weights"] == 64 * 20 + 20 * 16
    for k in (1, 2):
        values = {found[f"{name}_test_accuracy_block_{k}"] for name in ("short", "added", "whole")}
        assert len(values) == 1
    assert found["added_test_accuracy_block_3"] != found["whole_test_accuracy_block_3"]


def test_new_classes_are_learned_and_the_old_ones_measured(later: Outcome) -> None:
    found = later.metrics
    for arm in plugging.ARMS:
        assert found[f"{arm}_before"] > 0.5
        assert found[f"{arm}_new"] > 0.2
    assert found["mf_all_before"] == found["mf_last_before"] == found["mf_new_before"]
    assert found["mf_new_old"] < found["mf_all_old"]
    assert found["bp_new_old"] < found["bp_all_old"]
    assert found["mf_all_old"] != found["mf_last_old"]


@pytest.mark.parametrize(("changed", "verdict"), [(0, "**holds**"), (3, "**does not hold**")])
def test_plugging_counts_weights(added: Outcome, later: Outcome, changed: int, verdict: str) -> None:
    found = {
        plugging.ADDED.name: results(plugging.ADDED.name, shifted(added, changed_weights=changed)),
        plugging.NEW.name: results(plugging.NEW.name, shifted(later, mf_all_old=later.metrics["mf_all_before"] - 0.2)),
    }
    words = words_of(plugging.render(found))
    assert f"*Without modifications to preceding layers* {verdict}" in words
    assert "Mono-Forward, all blocks, all classes: forgets the old classes, below" in words


def test_early_exit_measures_every_threshold_and_what_validation_chooses(exited: Outcome) -> None:
    found = exited.metrics
    last = len(early_exit.THRESHOLDS) - 1
    assert found[f"point_{last}_accuracy"] == pytest.approx(found["whole_accuracy"])
    assert found[f"point_{last}_multiply_adds"] == pytest.approx(found["cost_3"])
    assert found["cost_3"] == 64 * 20 + 20 * 16 + 16 * 12 + 10 * (20 + 16 + 12)
    assert found["whole_multiply_adds"] == 64 * 20 + 20 * 16 + 16 * 12 + 10 * 12
    assert found["point_0_multiply_adds"] == pytest.approx(found["cost_1"])
    assert found["near_multiply_adds"] <= found["equal_multiply_adds"] <= found["cost_3"]
    thresholds = [min(threshold, 2.0) for threshold in early_exit.THRESHOLDS]
    assert found["equal_accuracy"] == found[f"point_{thresholds.index(found['equal_threshold'])}_accuracy"]
    with pytest.raises(ValueError, match="early exit wants Mono-Forward and a part that chooses, got Backprop"):
        early_exit.exits(Backprop(NET()), small(0), thresholds=(0.5,), batch=10)


@pytest.mark.parametrize(("accuracy", "words"), [(0.5, "is below (-"), (0.99, "is above (+")])
def test_early_exit_is_judged_against_the_whole_net(exited: Outcome, accuracy: float, words: str) -> None:
    several = shifted(exited, equal_accuracy=accuracy, near_accuracy=accuracy, whole_accuracy=0.75, cut_accuracy=0.75)
    for k, outcome in enumerate(several):
        outcome.metrics["equal_accuracy"] += 0.001 * k
    elements = early_exit.render(
        {experiment.name: results(experiment.name, several) for experiment in early_exit.EXPERIMENTS.values()}
    )
    assert f"its accuracy against the whole net {words}" in words_of(elements)
    assert f"Against the net that is cut after its best block it {words}" in words_of(elements)
