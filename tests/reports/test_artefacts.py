"""Every artefact renders from stored results, complete or not, and its numbers are those of the results."""

from pathlib import Path

import pytest

from onward.experiments.run import missing, stored
from onward.papers.registry import ARTEFACTS, find
from onward.reports.artefact import Table

RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize("name", sorted(ARTEFACTS))
def test_committed_results_are_complete_and_of_the_present_spec(name: str) -> None:
    for experiment in ARTEFACTS[name].experiments:
        assert missing(experiment, RESULTS) == [], experiment.name


@pytest.mark.parametrize("name", sorted(ARTEFACTS))
def test_artefacts_render_complete_and_partial_results(name: str) -> None:
    artefact = ARTEFACTS[name]
    found = {experiment.name: stored(experiment, RESULTS) for experiment in artefact.experiments}
    assert any(isinstance(element, Table) and element.rows for element in artefact.render(found))
    partial = {key: value[:2] if k % 3 else [] for k, (key, value) in enumerate(found.items())}
    artefact.render(partial)


def test_names_of_experiments_are_unique() -> None:
    names = [experiment.name for artefact in ARTEFACTS.values() for experiment in artefact.experiments]
    assert len(set(names)) == len(names)


def test_unknown_artefact_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown artefact 'tabel-1'.*did you mean 'table-1'"):
        find("tabel-1")


def test_table_1_prints_the_means_of_the_results() -> None:
    artefact = ARTEFACTS["table-1"]
    found = {experiment.name: stored(experiment, RESULTS) for experiment in artefact.experiments}
    accuracies = [result.metrics["test_accuracy"] for result in found["mnn/table-1/sound/mesh-05"]]
    table = next(element for element in artefact.render(found) if isinstance(element, Table))
    assert table.rows[0][3].startswith(f"{sum(accuracies) / len(accuracies):.3f} ± ")
