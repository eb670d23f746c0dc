"""Whether depth inhibits is judged by intervals of both numbers, seed by seed, and drawn so that all of it is seen."""

from collections.abc import Sequence
from math import nan

import numpy as np
import pytest
from matplotlib.figure import Figure

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, mean
from onward.papers.mono_forward import convergence, depth
from onward.reports.artefact import Picture, Table, Text

SHALLOW = [[0.96, 0.97, 0.98], [0.95, 0.97, 0.97], [0.96, 0.96, 0.98]]


def _net(rule: str, layers: int, curves: Sequence[Sequence[float]]) -> list[Result]:
    experiment = convergence.DEEP[rule, layers]
    return [
        Result(
            experiment=experiment.name, seed=100 + k, beside=[100 + k], digest=experiment.digest, spec={},
            metrics={"test_accuracy": curve[-1], **{f"gradient_norm_{block}": 0.1 * (k + 1) for block in range(1, layers + 1)}},
            history={"validation_accuracy": list(curve)}, seconds=1.0, environment={}, commit="none",
        )
        for k, curve in enumerate(curves)
    ]  # fmt: skip


def _lower(*by: float) -> list[list[float]]:
    return [[one - less for one in curve] for curve, less in zip(SHALLOW, by, strict=True)]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Mean(-0.01, 0.009, 5), depth.FAILS),
        (Mean(-0.001, 0.0009, 5), depth.FAILS),  # a little, but for certain
        (Mean(-0.001, 0.003, 5), depth.HOLDS),
        (Mean(0.02, 0.01, 5), depth.HOLDS),
        (Mean(-0.001, 0.0045, 5), depth.UNDECIDED),  # it may be more than the margin
        (Mean(-0.01, 0.02, 5), depth.UNDECIDED),
        (Mean(0.0, nan, 1), depth.UNDECIDED),
    ],
)
def test_a_change_holds_fails_or_is_undecided_by_its_interval(found: Mean, said: str) -> None:
    assert depth.word(found) == said


def test_one_number_that_fails_is_enough_and_all_must_hold() -> None:
    assert depth.together([depth.HOLDS, depth.HOLDS]) == depth.HOLDS
    assert depth.together([depth.HOLDS, depth.UNDECIDED]) == depth.UNDECIDED
    assert depth.together([depth.UNDECIDED, depth.FAILS]) == depth.FAILS


def test_changes_are_paired_by_seed_and_widened_for_both_numbers() -> None:
    shallow = _net("mf", 2, SHALLOW)
    deeper = list(reversed(_net("mf", 16, _lower(0.01, 0.02, 0.03))))
    found = depth.change(deeper, shallow, lambda curve: curve[-1])
    plain = mean([-0.01, -0.02, -0.03])
    assert (found.value, found.n) == (pytest.approx(-0.02), 3)
    assert found.half == pytest.approx(plain.half * 6.205347 / 4.302653, rel=1e-5)  # t at 0.9875 and 0.975, 2 degrees
    assert depth.change(deeper[:2], shallow, sum).n == 2


def test_both_the_mean_over_the_passes_and_the_last_are_judged() -> None:
    late = [[0.5, 0.6, curve[-1]] for curve in SHALLOW]
    deep = {("mf", 2): _net("mf", 2, SHALLOW), ("mf", 4): _net("mf", 4, SHALLOW), ("mf", 16): _net("mf", 16, late)}
    (four, sixteen) = depth.table(deep).rows
    assert four == ["Mono-Forward", "4", "+0.00 ± 0.00", "holds", "+0.00 ± 0.00", "holds", "holds"]
    assert [sixteen[k] for k in (3, 4, 5, 6)] == ["**fails**", "+0.00 ± 0.00", "holds", "**fails**"]
    said = depth.verdict(deep)
    assert "of Mono-Forward it **fails** with 16 layers (-2" in said
    assert "points in the mean over the passes, +0.00 ± 0.00 points after the last" in said
    assert said.endswith(", and holds with 4.")
    assert "BP" not in said
    assert depth.verdict({}) == "Not run."


def test_passes_until_the_level_are_told_with_those_that_never_come() -> None:
    deep = {("bp", 2): _net("bp", 2, SHALLOW), ("bp", 16): _net("bp", 16, [[0.2] * convergence.DEEP_EPOCHS] * 3)}
    said = depth.verdict(deep)
    assert "+6.7 ± 1.4 passes to 97 %, where 3 of 3 never come, which counts as 9" in said  # from 2, 2 and 3
    (one,) = _net("mf", 2, [[0.5, 0.9, 0.8, 0.95]])
    assert [depth.passes_until(one, level) for level in (0.4, 0.9, 0.93, 0.99)] == [1, 2, 4, 5]


def test_five_seeds_are_asked_for_and_the_stored_ones_stay_valid() -> None:
    assert {one.seeds for one in convergence.DEEP.values()} == {5}
    assert convergence.DEEP["mf", 16].digest != convergence.DEEP["mf", 8].digest
    assert "seeds" not in convergence.DEEP["mf", 16].spec


def _figures(curves: Sequence[Sequence[float]]) -> list[Figure]:
    results: dict[str, list[Result]] = {one.name: [] for one in convergence.ARTEFACT.experiments}
    for rule, layers in convergence.DEEP:
        results[convergence.DEEP[rule, layers].name] = _net(rule, layers, curves)
    elements = convergence.render(results)
    assert any(isinstance(one, Text) and one.words.startswith("*Not inhibited") for one in elements)
    assert all(len(row) == len(one.header) for one in elements if isinstance(one, Table) for row in one.rows)
    return [one.figure for one in elements if isinstance(one, Picture)]


def test_every_curve_of_depth_is_seen_and_so_is_every_interval_of_a_norm() -> None:
    passes = convergence.DEEP_EPOCHS
    accuracy, norms = _figures([[0.2] * passes, [0.99] * passes, [0.97] * passes])
    whole = accuracy.axes[:2]
    assert all(axes.get_ylim() == (0.0, 1.0) for axes in whole)
    assert all(axes.get_ylim()[0] > 0.5 for axes in accuracy.axes[2:])
    assert all(len(axes.get_lines()) == len(convergence.DEPTHS) for axes in (*accuracy.axes, *norms.axes))
    for axes in norms.axes:
        assert axes.get_yscale() == "log"
        low, high = axes.get_ylim()
        bands = [np.asarray(one.get_paths()[0].vertices)[:, 1] for one in axes.collections]
        assert len(bands) == len(convergence.DEPTHS)
        assert all(low < band.min() and band.max() < high for band in bands)
