"""Every artefact renders from stored results, complete or not, and its numbers are those of the results."""

from pathlib import Path

import pytest

from onward.experiments.run import missing, stored
from onward.papers.registry import ARTEFACTS, find
from onward.reports.artefact import Film, Table

RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.parametrize("name", sorted(ARTEFACTS))
def test_committed_results_are_complete_and_of_the_present_spec(name: str) -> None:
    for experiment in ARTEFACTS[name].experiments:
        assert missing(experiment, RESULTS) == [], experiment.name


@pytest.mark.parametrize("name", sorted(ARTEFACTS))
def test_artefacts_render_complete_and_partial_results(name: str) -> None:
    artefact = ARTEFACTS[name]
    found = {experiment.name: stored(experiment, RESULTS) for experiment in artefact.experiments}
    elements = artefact.render(found)
    assert any(isinstance(element, Film) or (isinstance(element, Table) and element.rows) for element in elements)
    partial = {key: value[:2] if k % 3 else [] for k, (key, value) in enumerate(found.items())}
    artefact.render(partial)


def test_one_name_means_one_experiment_in_whichever_artefact_it_stands() -> None:
    every = {(one.name, one.digest) for artefact in ARTEFACTS.values() for one in artefact.experiments}
    assert len({name for name, _ in every}) == len(every)


def test_unknown_artefact_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown artefact 'tabel-1'.*did you mean 'table-1'"):
        find("tabel-1")


def test_table_1_prints_the_means_of_the_results() -> None:
    artefact = ARTEFACTS["table-1"]
    found = {experiment.name: stored(experiment, RESULTS) for experiment in artefact.experiments}
    accuracies = [result.metrics["test_accuracy"] for result in found["mnn/table-1/sound/mesh-05"]]
    table = next(element for element in artefact.render(found) if isinstance(element, Table))
    assert table.rows[0][3].startswith(f"{sum(accuracies) / len(accuracies):.3f} ± ")
