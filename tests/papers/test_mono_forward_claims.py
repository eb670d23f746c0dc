"""The experiments of Mono-Forward's claims: small runs of their trials, and verdicts that follow from the numbers."""

import re
from collections.abc import Sequence
from functools import partial

import pytest
import torch

from onward.blocks.classes import accuracy_on
from onward.datasets.small import digits
from onward.experiments.result import Result
from onward.experiments.spec import Outcome
from onward.experiments.statistics import Mean, stands
from onward.kernels.damage import bits_flipped
from onward.learners.backprop import Backprop
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp
from onward.nets.layered import LayeredNet
from onward.papers.mono_forward import damage, damage_figure, damage_verdicts, early_exit, plugging, table_1, words
from onward.papers.mono_forward.harms import HARMS, Harm, hurt
from onward.papers.mono_forward.plugging_trials import accuracy_among, add_a_block, learn_new_classes
from onward.papers.mono_forward.retraining import Again, cost_of_learning, damage_and_retrain
from onward.reports.artefact import Artefact, Element, Picture, Table, Text
from onward.training.data import Dataset, Lesson, Split
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


def again(passes: int) -> Recipe:
    return Recipe(QUICK.optimiser, passes, 50)


LENGTHS = {"short": Again(1, again), "long": Again(2, again)}


def damaged_by(harms: dict[str, Harm], lengths: dict[str, Again] = LENGTHS) -> Outcome:
    (outcome,) = damage_and_retrain([3], quiet, data=small, net=NET, harms=harms, recipe=QUICK, lengths=lengths)
    return outcome


@pytest.fixture(scope="module")
def damaged() -> Outcome:
    return damaged_by(HARMS)


@pytest.fixture(scope="module")
def exited() -> Outcome:
    learner = MonoForward(NET(generator=torch.Generator().manual_seed(0)))
    list(fit(learner, small(0), QUICK, generator=torch.Generator().manual_seed(0)))
    return Outcome(exits_of(learner), {})


def exits_of(learner: MonoForward) -> dict[str, float | int]:
    return dict(
        early_exit.exits(
            learner, small(0), thresholds=early_exit.THRESHOLDS, tolerances={"equal": 0.0, "near": 0.2}, batch=100
        )
    )


@pytest.fixture(scope="module")
def added() -> Outcome:
    arguments = {"data": small, "net": partial(mlp, 64, bias=False), "widths": (20, 16, 12)}
    (outcome,) = add_a_block([3], quiet, **arguments, outputs=10, recipe=QUICK)  # pyright: ignore[reportArgumentType]
    return outcome


@pytest.fixture(scope="module")
def later() -> Outcome:
    arguments = {"data": small, "net": partial(mlp, 64, bias=False), "widths": (20, 16), "later": (8, 9), "classes": 10}
    (outcome,) = learn_new_classes([3], quiet, **arguments, first=QUICK, again=QUICK, at_once=QUICK)  # pyright: ignore[reportArgumentType]
    return outcome


@pytest.mark.parametrize("artefact", ARTEFACTS, ids=lambda one: one.name)
def test_specs_can_be_written_down_and_names_are_their_own(artefact: Artefact) -> None:
    names = [experiment.name for experiment in artefact.experiments]
    assert len(set(names)) == len(names)
    assert all(len(experiment.digest) == 64 for experiment in artefact.experiments)
    assert all(experiment.seeds >= 3 for experiment in artefact.experiments)


@pytest.mark.parametrize("artefact", ARTEFACTS, ids=lambda one: one.name)
def test_reports_without_results_are_drawn_too(artefact: Artefact) -> None:
    elements = artefact.render({experiment.name: [] for experiment in artefact.experiments})
    assert "not run" in str(elements).lower()
    assert not [one for one in elements if isinstance(one, Picture)]


def test_an_interval_decides_where_a_difference_stands() -> None:
    assert stands(Mean(0.02, 0.01, 3)) == "above"
    assert stands(Mean(-0.02, 0.01, 3)) == "below"
    assert stands(Mean(0.02, 0.03, 3)) == "level"
    assert stands(Mean(-0.02, 0.03, 3)) == "level"
    assert stands(Mean(0.0, 0.0, 3)) == "level"
    assert stands(Mean(0.5, float("nan"), 1)) == "unknown"
    assert words.counted({"a": ["x", "y"], "b": []}) == "a: x, y"


def test_differences_are_told_in_the_same_words_everywhere() -> None:
    assert words.told(Mean(-0.02, 0.01, 3)) == "below (-2.00 ± 1.00 points)"
    assert words.told(Mean(0.02, 0.03, 3)) == "not told apart (+2.00 ± 3.00 points)"
    assert words.judged(Mean(0.02, 0.01, 3)) == "above BP (+2.00 ± 1.00 points)"
    assert words.judged(Mean(0.02, 0.03, 3)) == "not told apart from BP (+2.00 ± 3.00 points)"
    assert words.judged(Mean(0.02, float("nan"), 1)) == (
        "+2.00 points against BP in one seed, which says nothing about others"
    )
    assert words.told(Mean(0.02, float("nan"), 1)) == "+2.00 points in one seed, which says nothing about others"
    nothing = Mean(float("nan"), float("nan"), 0)
    assert [words.told(nothing), words.percent(nothing), words.points(nothing)] == ["not run"] * 3
    assert words.percent(Mean(0.5, 0.01, 3)) == "50.00 ± 1.00"
    assert words.percent(Mean(0.5, float("nan"), 1)) == "50.00 (one seed)"


@pytest.mark.parametrize(
    ("third", "verdict"),
    [(0.90, "**holds** here"), (0.96, "**does not hold** here"), (0.9504, "cannot be told from 3 seeds")],
)
def test_table_1_judges_the_third_layer_by_its_numbers(rows: tuple[Outcome, Outcome], third: float, verdict: str) -> None:
    ours, theirs = rows
    assert {f"test_accuracy_total_of_{depth}" for depth in (2, 3)} <= set(ours.metrics)
    assert {f"test_accuracy_probe_{k}" for k in (1, 2, 3)} <= set(theirs.metrics)
    assert min(theirs.metrics.values()) > 0.3
    changed = shifted(ours, test_accuracy_block_2=0.95, test_accuracy_block_3=third, test_accuracy_last=third)
    changed[0].metrics["test_accuracy_block_2"] = 0.951
    rival = shifted(theirs, test_accuracy=0.9, test_accuracy_probe_2=0.8, test_accuracy_probe_3=0.89)
    found = {experiment.name: results(experiment.name, changed) for experiment in table_1.OURS.values()}
    found |= {experiment.name: results(experiment.name, rival) for experiment in table_1.RIVALS.values()}
    elements = table_1.render(found)
    assert words_of(elements).count(f"*The third layer is worse than the second* {verdict}") == 2
    assert words_of(elements).count(words.CIFAR_10_NOTE) == 1
    table = next(one for one in elements if isinstance(one, Table))
    assert [row[0] for row in table.rows][:4] == ["BP", "MF (FF pred)", "MF layer 1", "MF layer 2"]
    checks = {row[1]: row[2] for row in table.rows if row[0].startswith("last probe")}
    assert checks == {"2": "-10.00 ± 0.00", "3": "-1.00 ± 0.00"}
    single = words_of(table_1.render({name: several[:1] for name, several in found.items()}))
    assert "*The third layer is worse than the second* cannot be judged" in single
    assert not set(single.split()) & {"**holds**", "above", "below", "level"}
    half = {name: several if name == table_1.OURS["mnist"].name else [] for name, several in found.items()}
    (picture,) = [one for one in table_1.render(half) if isinstance(one, Picture)]
    assert len(picture.figure.axes) == 1


def test_probes_of_table_1_make_as_many_passes_as_the_net() -> None:
    for (name, _), experiment in table_1.RIVALS.items():
        trial = experiment.spec["trial"]
        passes = table_1.CASES[name].recipe.epochs
        assert trial["recipe"]["epochs"] == trial["also"]["recipe"]["epochs"] == passes
        assert trial["also"]["recipe"]["schedule"]["T_max"] == passes


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
    for harm in HARMS:
        for position, harmed in (("first", 0), ("middle", 1), ("last", 2)):
            for k in range(1, harmed + 1):
                kept = [f"{harm}_{position}_{one}_block_{k}" for one in ("damaged", "short_alone", "long_onward")]
                assert {found[name] for name in kept} == {found[f"before_block_{k}"]}
    for position in damage.POSITIONS:
        assert found[f"none_{position}_damaged"] == found[f"none_{position}_mended"] == found["before"]
        assert found[f"none_{position}_bp_damaged"] == found["bp_before"]
        assert found[f"noise_{position}_damaged"] != found["before"]
        assert found[f"attack_{position}_damaged"] < found["before"] - 0.02
        assert found[f"attack_{position}_bp_damaged"] < found["bp_before"]
        assert found[f"attack_{position}_long_onward"] > found[f"attack_{position}_damaged"]
        assert found[f"attack_{position}_short_alone"] != found[f"attack_{position}_long_alone"]
    for harm in HARMS:  # nothing comes back from later blocks, so it is retrained alike with them and alone
        assert found[f"{harm}_first_short_onward_block_1"] == found[f"{harm}_first_short_alone_block_1"]
        assert found[f"{harm}_middle_long_onward_block_2"] == found[f"{harm}_middle_long_alone_block_2"]
    assert found["attack_last_short_alone"] == found["attack_last_short_onward"]
    assert found["attack_first_short_alone"] != found["attack_first_short_onward"]


def test_every_way_back_begins_at_the_damage(damaged: Outcome) -> None:
    """What other ways and lengths were tried before leaves no trace."""
    alone = damaged_by({"attack": HARMS["attack"]}, {"long": LENGTHS["long"]}).metrics
    compared = [name for name in alone if not name.endswith("seconds")]
    assert {name: alone[name] for name in compared} == {name: damaged.metrics[name] for name in compared}
    assert sum("bp_as" in name for name in compared) == 12


def test_backprop_is_retrained_for_as_many_multiply_adds(damaged: Outcome) -> None:
    """By hand: a map is computed for what is passed on, and once for each of the gradients of its weights and inputs."""
    maps, own = [64 * 20, 20 * 16, 16 * 12], [10 * 20, 10 * 16, 10 * 12]
    theirs = 3 * sum(maps) - maps[0] + 3 * own[2]
    learning = {  # forward, the weights of the blocks that learn, and three products of each of their projections
        "first": (2 * maps[0] + 3 * own[0], 2 * sum(maps) + 3 * sum(own)),
        "middle": (maps[0] + 2 * maps[1] + 3 * own[1], maps[0] + 2 * sum(maps[1:]) + 3 * sum(own[1:])),
        "last": (sum(maps) + maps[2] + 3 * own[2],) * 2,
    }
    steps, batches = len(small(3).train) / 50, 5
    assert steps == batches
    lesson = Lesson("", small(3).train)
    assert cost_of_learning(Backprop(NET()), lesson) == theirs
    assert cost_of_learning(MonoForward(NET()), lesson) == learning["first"][1]
    for position, costs in learning.items():
        for length, passes in (("short", 1), ("long", 2)):
            for way, cost in zip(("alone", "onward"), costs, strict=True):
                made = damaged.metrics[f"attack_{position}_{length}_bp_as_{way}_passes"]
                assert made == max(1, round(passes * cost / theirs * batches)) / batches


def test_weights_that_nothing_can_be_learned_from_are_cleared_before_retraining() -> None:
    found = damaged_by({"bits": partial(hurt, how=partial(bits_flipped, probability=0.02))}).metrics
    assert found["bits_first_damaged"] < 0.3
    assert found["bits_first_bp_mended"] != found["bits_first_bp_damaged"]
    assert found["bits_first_long_alone"] > found["bits_first_damaged"] + 0.1
    assert all(0 <= value <= 1 for name, value in found.items() if name.endswith(("damaged", "mended", "alone")))


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (Mean(0.01, 0.0, 3), "recovered"),
        (Mean(-0.001, 0.0019, 3), "recovered"),
        (Mean(0.0, 0.02, 3), "undecided"),
        (Mean(-0.004, 0.002, 3), "undecided"),
        (Mean(-0.004, 0.0005, 3), "not recovered"),
        (Mean(0.1, float("nan"), 1), "one seed, which says nothing about others"),
    ],
)
def test_a_net_counts_as_recovered_only_if_its_whole_interval_is_within_the_tolerance(change: Mean, verdict: str) -> None:
    assert damage_verdicts.TOLERANCE == -0.003
    assert damage_verdicts.fate(change) == verdict


def after(damaged: Outcome, change: float, spread: float = 1e-5, **changes: float) -> list[Result]:
    """Three seeds in which blocks retrained alone are so far from before, and some cases otherwise."""
    before = damaged.metrics["before"]
    moved = {f"{harm}_{position}_long_alone": before + change for harm, position in damage_verdicts.CASES}
    moved |= {name: before + one for name, one in changes.items()}
    several = shifted(damaged, **moved)
    for k, outcome in enumerate(several):
        for harm, position in damage_verdicts.CASES:
            outcome.metrics[f"{harm}_{position}_long_alone"] += spread * (k - 1)
    return results(damage.EXPERIMENT.name, several)


CONTROLS = {f"none_{position}_long_alone": 0.0 for position in damage.POSITIONS}
WORSE = dict.fromkeys(CONTROLS, -0.1)
SENTENCE = damage_verdicts.SENTENCES["alone"] + " "


def test_the_sentence_on_retraining_is_judged_by_its_numbers(damaged: Outcome) -> None:
    def said(ours: list[Result]) -> str:
        return damage_verdicts.enough_to_retrain(ours, "long", "alone").removeprefix(SENTENCE)

    assert said(after(damaged, 0.0, **CONTROLS)).startswith("**holds** for all 12 cases")
    none = "**does not hold** for 12 of 12 cases, is undecided for 0 and holds for 0. not recovered: nine tenths"
    alike = "Against an undamaged net retrained alike, it "
    worse, gone = said(after(damaged, -0.1, **WORSE)), said(after(damaged, -0.1, **CONTROLS))
    assert worse.startswith(none)
    assert alike + "**holds** for all 12 cases. recovered: nine tenths" in worse
    assert gone.startswith(none)
    assert alike + "**does not hold** for 12 of 12 cases" in gone
    unsure = after(damaged, 0.0, spread=0.01, **CONTROLS)
    assert said(unsure).startswith("is **undecided** for 12 of 12 cases and holds for 0. undecided: nine tenths")
    mixed = said(after(damaged, 0.0, **CONTROLS, noise_middle_long_alone=-0.1))
    assert mixed.startswith("**does not hold** for 1 of 12 cases, is undecided for 0 and holds for 11")
    assert "; not recovered: Gaussian noise of 8 times the weights in the middle block (-10.00 ± 0.00). " in mixed
    single = said(after(damaged, 0.0, **CONTROLS)[:1])
    assert single.startswith("cannot be judged. one seed, which says nothing about others: nine tenths")


def test_the_damaged_block_with_all_later_ones_is_judged_too(damaged: Outcome) -> None:
    before = damaged.metrics["before"]
    fine = {f"{harm}_{position}_long_onward": before for harm, position in damage_verdicts.CASES}

    def said(**changes: float) -> str:
        return damage_verdicts.enough_to_retrain(results("", shifted(damaged, **fine | changes)), "long", "onward")

    start = "That it is enough to retrain *the damaged block and all later ones* "
    assert said().startswith(start + "**holds** for all 12 cases")
    assert said(noise_first_long_onward=before - 0.1).startswith(start + "**does not hold** for 1 of 12 cases")


def test_where_clearing_brings_a_net_back_no_retraining_is_needed(damaged: Outcome) -> None:
    before, theirs = damaged.metrics["before"], damaged.metrics["bp_before"]
    cases = damage_verdicts.CASES
    lost = {f"{harm}_{position}_{rule}mended": 0.1 for harm, position in cases for rule in ("", "bp_")}

    def said(**changes: float) -> tuple[str, str]:
        ours = after(damaged, 0.0, **CONTROLS)
        for result in ours:
            result.metrics.update(lost | changes)
        return damage_verdicts.enough_to_retrain(ours, "long", "alone"), damage_verdicts.clearing(ours)

    enough, cleared = said()
    assert enough.startswith(SENTENCE + "**holds** for all 12 cases. recovered: nine tenths")
    assert "so before any retraining" not in enough
    assert cleared.endswith("Mono-Forward: nowhere; BP: nowhere.")
    enough, cleared = said(bits_first_mended=before, bits_last_bp_mended=theirs)
    assert (
        "**holds** for all 12 cases; in 1 of those where it holds the net, cleared, is as good without any retraining"
        in enough
    )
    assert "recovered, but so before any retraining: one of 100,000 bits flipped in the first block (" in enough
    assert "Mono-Forward: one of 100,000 bits flipped in the first block (+0.00 ± 0.00); BP: one of 100,000 bits" in cleared
    assert cleared.endswith("flipped in the last block (+0.00 ± 0.00).")


@pytest.mark.parametrize(
    ("gain", "said"), [(0.05, "It gains in 5 of 5 ways: the net before was still under-trained"), (-0.05, "It is not seen to gain.")]
)  # fmt: skip
def test_the_bar_of_before_is_low_where_an_undamaged_net_gains(damaged: Outcome, gain: float, said: str) -> None:
    ways = {f"none_{position}_long_{way}": gain for position in damage.POSITIONS for way in ("alone", "onward")}
    ours = results("", shifted(damaged, **{name: damaged.metrics["before"] + one for name, one in ways.items()}))
    assert said in damage_verdicts.low_bar(ours, "long")


def test_ways_back_are_compared_by_their_intervals(damaged: Outcome) -> None:
    case, control = "attack_first_long", "none_first_long"
    before, theirs = damaged.metrics["before"], damaged.metrics["bp_before"]

    def said(ours: float, rival: float, spread: float = 0.0, seeds: int = 3, free: float = 0.0) -> tuple[str, str]:
        """Both rules are so far from before; Mono-Forward gains `free` on BP where nothing is damaged."""
        changes = {f"{case}_alone": before + ours, f"{case}_bp_as_alone": theirs + rival, f"{case}_onward": before}
        several = shifted(damaged, **changes, **{f"{control}_alone": before + free, f"{control}_bp_as_alone": theirs})
        for k, outcome in enumerate(several):
            outcome.metrics[f"{case}_alone"] += spread * (k - 1)
        found, named = results("", several[:seeds]), f"{damage.TITLES['attack']} in the first block"
        groups = damage_verdicts.against_backprop(found, "long", "alone").partition("paired by seed; Mono-Forward ")[2]
        (lead,) = re.findall(rf"([\w ,]+): (?:[^:]*, )?{named}", groups.partition(" BP is better")[0])
        (later,) = re.findall(rf"{named}: ([^;]*)", damage_verdicts.later_too(found, "long"))
        return lead.strip(), later

    assert said(0.0, -0.1)[0].startswith("loses less to it in ")
    assert said(-0.2, -0.1)[0].startswith("loses more to it in ")
    assert said(0.0, -0.1, free=0.2)[0].startswith("loses more to it in ")
    assert said(-0.1, -0.1, spread=0.02)[0].startswith("not told apart in ")
    assert said(-0.2, 0.0, seeds=1)[0] == "one seed, which says nothing about others in 12"
    assert said(-0.2, 0.0)[1].startswith("above (+20.00")
    assert said(0.2, 0.0)[1].startswith("below (-20.00")
    assert said(0.0, 0.0, spread=0.02)[1].startswith("not told apart (")
    assert said(-0.2, 0.0, seeds=1)[1] == "+20.00 points in one seed, which says nothing about others"


def test_a_lead_that_is_there_without_damage_is_none() -> None:
    def seed(ours: float, rival: float, free: float, theirs: float) -> Outcome:
        return Outcome({"bits_first_long_alone": ours, "bits_first_long_bp_as_alone": rival,
                        "none_first_long_alone": free, "none_first_long_bp_as_alone": theirs}, {})  # fmt: skip

    ours = results("", [seed(0.95, 0.90, 0.95, 0.90), seed(0.97, 0.90, 0.96, 0.90), seed(0.96, 0.90, 0.96, 0.89)])
    found = damage_verdicts.lead(ours, "bits", "first", "long", "alone")
    assert found.value == pytest.approx(0.0)
    assert found.half == pytest.approx(4.302653 * 0.01 / 3**0.5)


def test_backprop_left_alone_is_shown_where_that_is_better(damaged: Outcome) -> None:
    theirs, case = damaged.metrics["bp_before"], "bits_first"
    same = {f"{harm}_{position}_bp_mended": 0.0 for harm, position in damage_verdicts.CASES}

    def said(retrained: float) -> str:
        changes = {f"{case}_bp_mended": theirs, f"{case}_long_bp_as_alone": theirs + retrained}
        return damage_verdicts.against_backprop(results("", shifted(damaged, **same | changes)), "long", "alone")

    words = "BP is better left as it is, cleared where needed, than retrained so: one of 100,000 bits flipped in the first block (+0.00 ± 0.00 as it is, -10"
    assert words in said(-0.1)
    assert "better left" not in said(0.1)
    assert "(not as much time: Mono-Forward took " in said(0.1)


def test_the_report_on_damage_shows_every_block_after_both_ways(damaged: Outcome) -> None:
    elements = damage.render({damage.EXPERIMENT.name: results(damage.EXPERIMENT.name, shifted(damaged))})
    tables = [one for one in elements if isinstance(one, Table)]
    assert len(tables) == 2 + 3 * len(damage.LENGTHS)
    each = [one for one in tables if one.caption.startswith("What every block says")]
    assert [len(one.header) for one in each] == [8, 8]
    assert {row[0] for row in each[0].rows} == set(damage.TITLES.values())
    for table in tables:
        assert all(len(row) == len(table.header) for row in table.rows)
    assert words_of(elements).count("*Only the damaged layer needs to be retrained*") == len(damage.LENGTHS)
    assert words_of(elements).count("all later ones* ") == len(damage.LENGTHS)
    left = next(one for one in tables if one.caption.startswith("What is left of the damage"))
    assert [row[:2] for row in left.rows] == [[damage.TITLES[harm], position] for harm, position in damage.CASES]
    assert all(any(row[4].endswith(f": {fate}") for fate in ("recovered", "undecided")) for row in left.rows[6:9])
    pictures = [one for one in elements if isinstance(one, Picture)]
    assert [len(one.figure.axes) for one in pictures] == [len(damage.CASES)] * len(damage.LENGTHS)
    shown = damage.render({damage.EXPERIMENT.name: results(damage.EXPERIMENT.name, shifted(damaged)[:1])})
    assert "**holds" not in words_of(shown)


def test_what_is_drawn_of_a_damage_is_what_was_measured(damaged: Outcome) -> None:
    ours, found = results("", [damaged]), damaged.metrics
    drawn = damage_figure.series(ours, "attack", "middle", "long")
    assert list(drawn) == ["before", "damaged", "the block retrained", "it and all later ones retrained"]
    assert drawn["before"]["2"].value == found["before_block_2"]
    assert drawn["damaged"]["BP"].value == found["attack_middle_bp_damaged"]
    assert drawn["the block retrained"]["3"].value == found["attack_middle_long_alone_block_3"]
    assert drawn["the block retrained"]["BP"].value == found["attack_middle_long_bp_as_alone"]
    later = drawn["it and all later ones retrained"]
    assert (later["3"].value, later["BP"].value) == (
        found["attack_middle_long_onward_block_3"],
        found["attack_middle_long_bp_as_onward"],
    )
    assert "it and all later ones retrained" not in damage_figure.series(ours, "attack", "last", "long")
    cleared = results("", shifted(damaged, attack_middle_mended_block_3=0.5))
    assert damage_figure.series(cleared, "attack", "middle", "long")["cleared"]["3"].value == pytest.approx(0.5, abs=1e-3)


def test_earlier_blocks_say_what_they_said(damaged: Outcome) -> None:
    assert "say is as it was; " in damage_verdicts.without_retraining(results("", shifted(damaged)))
    other = shifted(damaged, noise_last_damaged_block_2=0.0)
    assert "**is not what it was**" in damage_verdicts.without_retraining(results("", other))
    assert "in one seed, which says nothing" in damage_verdicts.without_retraining(results("", [damaged]))


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
        assert found[f"{arm}_apart"] >= found[f"{arm}_old"]
    for arm in plugging.AT_ONCE:
        assert found[f"{arm}_apart"] >= found[f"{arm}_old"] > 0.5
    assert found["mf_all_before"] == found["mf_last_before"] == found["mf_new_before"]
    assert found["mf_new_old"] < found["mf_all_old"]
    assert found["bp_new_old"] < found["bp_all_old"]
    assert found["mf_new_apart"] > found["mf_new_old"]
    assert found["mf_all_old"] != found["mf_last_old"]


def test_among_old_classes_scores_of_new_ones_are_not_read() -> None:
    learner, data, old = MonoForward(NET()), small(0).test, range(8)
    head = learner.net.head
    assert isinstance(head, torch.nn.Linear)
    list(fit(learner, small(0), QUICK, generator=torch.Generator().manual_seed(0)))
    apart = accuracy_among(learner, data, old)
    assert apart > 0.5
    with torch.no_grad():
        head.weight[8:] = 100.0
    assert accuracy_on(learner, data, old) < 0.1
    assert accuracy_among(learner, data, old) == apart


@pytest.mark.parametrize(("changed", "verdict"), [(0, "**holds**:"), (3, "**does not hold**:")])
def test_plugging_counts_weights(added: Outcome, changed: int, verdict: str) -> None:
    ours = results(plugging.ADDED.name, shifted(added, changed_weights=changed))
    said = words_of(plugging.render({plugging.ADDED.name: ours, plugging.NEW.name: []}))
    assert f"*Without modifications to preceding layers* {verdict}" in said
    single = " ".join(plugging.added_verdicts(ours[:1]))
    assert f"{verdict[:-1]} in one seed, which says nothing about others:" in single
    assert single.count("one seed, which says nothing") == 3


@pytest.mark.parametrize(
    ("change", "spread", "verdict"),
    [
        (-0.2, 0.0, "forgets the old classes (old examples against before, told apart among the old classes: below (-20"),
        (0.2, 0.0, "tells the old classes apart better than before (old"),
        (0.0, 0.1, "is not seen to forget the old classes (old"),
    ],
)
def test_forgetting_is_judged_among_the_old_classes(later: Outcome, change: float, spread: float, verdict: str) -> None:
    before = later.metrics["mf_all_before"]
    several = shifted(later, mf_all_apart=before + change, mf_all_old=before - 0.3, mf_new_apart=0.9, bp_new_apart=0.1)
    for k, outcome in enumerate(several):
        outcome.metrics["mf_all_apart"] += spread * (k - 1)
    ours = results(plugging.NEW.name, several)
    said = words_of(plugging.render({plugging.ADDED.name: [], plugging.NEW.name: ours}))
    assert f"Mono-Forward, all blocks, all classes: {verdict}" in said
    assert "among all: below (-30.00" in said
    assert "keeps of the old ones, among themselves, against BP is above (" in said
    single = plugging.class_verdicts(ours[:1])
    assert all("one seed, which says nothing about others" in sentence for sentence in single)
    assert not any("forget" in sentence for sentence in single)


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
    for name in ("equal", "near"):
        depth = found[f"cut_{name}_blocks"]
        assert found[f"cut_{name}_accuracy"] == found[f"depth_{depth}_accuracy"]
        assert found[f"cut_{name}_multiply_adds"] == found[f"depth_{depth}_multiply_adds"]
    assert found["cut_near_blocks"] < 3
    assert found["depth_1_multiply_adds"] == 64 * 20 + 10 * 20
    with pytest.raises(ValueError, match="early exit wants Mono-Forward and a part that chooses, got Backprop"):
        early_exit.exits(Backprop(NET()), small(0), thresholds=(0.5,), tolerances={}, batch=10)


def test_the_cut_net_is_the_shallowest_that_is_good_enough() -> None:
    assert early_exit.shallowest([0.90, 0.95, 0.95], 0.95) == 2
    assert early_exit.shallowest([0.949, 0.96, 0.95], 0.949) == 1
    assert early_exit.shallowest([0.90, 0.91, 0.95], 0.96) == 3


def test_tolerances_are_part_of_what_early_exit_was_asked() -> None:
    for experiment in early_exit.EXPERIMENTS.values():
        assert experiment.spec["trial"]["also"]["tolerances"] == early_exit.TOLERANCES


@pytest.mark.parametrize(
    ("accuracy", "spread", "verdict"),
    [(0.5, 0.0, "below (-"), (0.99, 0.0, "above (+"), (0.75, 0.1, "not told apart (")],
)
def test_early_exit_is_judged_against_the_whole_net_and_the_cut_one(
    exited: Outcome, accuracy: float, spread: float, verdict: str
) -> None:
    several = shifted(exited, equal_accuracy=accuracy, whole_accuracy=0.75, cut_equal_accuracy=0.75)
    for k, outcome in enumerate(several):
        outcome.metrics["equal_accuracy"] += spread * (k - 1)
        outcome.metrics["cut_equal_multiply_adds"] = outcome.metrics["equal_multiply_adds"] + 100 * (k - 1) - 1
        outcome.metrics["cut_near_multiply_adds"] = outcome.metrics["near_multiply_adds"] - 100
    ours = {one.name: results(one.name, several) for one in early_exit.EXPERIMENTS.values()}
    elements = early_exit.render(ours)
    said = words_of(elements)
    assert f"and its accuracy against the whole net is {verdict}" in said
    assert f"Against the cut net, with no loss on validation, its accuracy is {verdict}" in said
    assert "in multiply-adds it is not told apart from that net" in said
    assert "in multiply-adds it is above that net" in said
    (picture,) = [one for one in elements if isinstance(one, Picture)]
    assert [axis.get_xlabel() for axis in picture.figure.axes] == ["part of the whole net's multiply-adds"] * 2
    single = " ".join(early_exit.verdicts(ours["mf/early-exit/mnist"][:1]))
    assert single.count("in one seed, which says nothing about others") == 10
    assert "a third" not in single
    some = {name: one if name.endswith("/mnist") else [] for name, one in ours.items()}
    (picture,) = [one for one in early_exit.render(some) if isinstance(one, Picture)]
    assert len(picture.figure.axes) == 1


@pytest.mark.parametrize(
    ("parts", "said"),
    [((0.3, 0.305, 0.31), ", less than a third,"), ((0.2, 0.3, 0.4), ", not surely less than a third,"), ((0.4, 0.4, 0.4), ", not surely")],
)  # fmt: skip
def test_less_than_a_third_is_said_of_the_whole_interval(exited: Outcome, parts: tuple[float, ...], said: str) -> None:
    several = shifted(exited)
    for outcome, part in zip(several, parts, strict=True):
        outcome.metrics["equal_multiply_adds"] = part * outcome.metrics["whole_multiply_adds"]
    assert said in early_exit.verdicts(results("", several))[0]


def test_time_is_judged_as_well_as_multiply_adds(exited: Outcome) -> None:
    times = {"whole": 2.0, "equal": 1.0, "cut_equal": 0.5, f"point_{len(early_exit.THRESHOLDS) - 1}": 3.0}
    ours = results("", shifted(exited, **{f"{name}_seconds": one for name, one in times.items()}))
    whole, cut, *_, asked = early_exit.verdicts(ours)
    assert "in time it is below the whole net (-0.500 ± 0.000 of the whole net's)" in whole
    assert "in time it is above that net (+0.250 ± 0.000 of the whole net's)" in cut
    assert "takes 1.500 ± 0.000 times the time of the whole net" in asked


def test_changes_are_paired_by_seed(exited: Outcome) -> None:
    several = shifted(exited)
    for k, outcome in enumerate(several):
        outcome.metrics.update({"whole_accuracy": 0.5 + 0.1 * k, "point_3_accuracy": 0.49 + 0.1 * k})
    (change,) = early_exit.changes(results("", several), {"point_3": "0.8"})
    assert (change.gain.value, change.gain.half) == pytest.approx((-1.0, 0.0))
    assert change.part == exited.metrics["point_3_multiply_adds"] / exited.metrics["whole_multiply_adds"]
    assert change.words == "0.8"
