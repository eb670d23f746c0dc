"""The derivation of complexity is that of the plan, and the page shows what was fitted."""

import math
import re
from pathlib import Path

import pytest

from onward.experiments.result import Result
from onward.kernels.plan import plan
from onward.papers.mesh_neural_networks import complexity
from onward.papers.mesh_neural_networks.complexity import GROWTHS, WAYS, Growth, fitted, geometric, sparse_mesh, verdict
from onward.papers.mesh_neural_networks.curves import Repeats, measure_curve
from onward.papers.mesh_neural_networks.gradient_costs import costs
from onward.papers.mesh_neural_networks.gradients import task
from onward.reports.artefact import Picture, Table, Text

DOCUMENT = (Path(__file__).parents[2] / "docs/complexity.md").read_text()
KIND = {growth.name: growth for growth in GROWTHS}


def result(history: dict) -> Result:
    return Result("x", 100, [100], "", {}, {}, history, 1.0, {"processor": "a machine", "torch": "2"}, "")


def as_derived(growth: Growth, bend: float = 0.0) -> Result:
    """What would be stored if everything were as derived; times bent by some exponent."""
    history = {}
    for k, way in enumerate(WAYS):
        places = list(growth.places)
        history[f"{way}_places"] = places
        history[f"{way}_flops"] = [float(place ** growth.operations[k]) for place in places]
        history[f"{way}_carried"] = [float(place ** growth.bytes[k]) for place in places]
        history[f"{way}_seconds"] = [
            place ** (growth.operations[k] + bend) * 1.001 ** (-1) ** n for n, place in enumerate(places)
        ]
    return result(history)


@pytest.mark.parametrize("what", ["operations", "bytes"])
@pytest.mark.parametrize("name", sorted(KIND))
def test_the_derived_exponents_are_those_that_the_plan_tends_to(name: str, what: str) -> None:
    """Between two places so far out that nothing but the leading term is left."""
    growth = KIND[name]
    # Where something else is held it has to be small beside what grows, and large enough for the leading term.
    far = {
        "neurons-full": (150, 300),
        "neurons": (300, 600),
        "edges": (4000, 8000),
        "ticks": (2000, 4000),
        "batch": (64, 128),
    }
    low, high = (costs(growth.problem(1, place)) for place in far[name])
    for k, way in enumerate(WAYS):
        one, other = ((c[way].flops, c[way].bytes)[what == "bytes"] for c in (low, high))
        a, b = far[name]
        assert math.log(other / one) / math.log(b / a) == pytest.approx(getattr(growth, what)[k], abs=0.12), way


def test_the_document_has_the_same_exponents() -> None:
    for what, heading in (("operations", "operations"), ("bytes", "bytes")):
        part = DOCUMENT.split(f"| {heading} | neurons of a full mesh")[1].split("\n\n")[0]
        assert part.splitlines()[0].split(" | ")[1:] == [*(growth.words for growth in GROWTHS[1:-1]), "batch |"]
        for k, words in enumerate(WAYS.values()):
            (row,) = [line for line in part.splitlines() if line.startswith(f"| {words} |")]
            assert [int(cell) for cell in re.findall(r"\d(?= \|)", row.removeprefix(f"| {words}"))] == [
                getattr(growth, what)[k] for growth in GROWTHS
            ]


def test_the_document_counts_products_as_the_plan_does() -> None:
    """Its formulas, doubled, are the operations of the plan but for what is not a product."""
    ticks, batch = 9, 5
    mesh = sparse_mesh(0, hidden=100, edges=5000)
    n, e, f, o, s = (getattr(mesh, name) for name in ("neurons", "edges", "free", "outputs", "speaking"))
    counted = plan(mesh, ticks, batch)
    published, swept = counted.others.values()
    found = {**counted.costs, "published": published, "bptt": swept}
    formulas = {
        "published": ticks * batch * n**2 * (n**2 + n),
        "influence": batch * e * f * ((ticks - 2) * f + o),
        "factored": (ticks - 2) * (ticks - 3) // 2 * batch * s**3
        + (ticks - 2) * batch * s**2
        + 2 * batch * f * (ticks * n - f),
        "bptt": 3 * batch * f * (ticks * n - f),
    }
    for way, products in formulas.items():
        assert 2 * products == pytest.approx(found[way].flops, rel=0.03), way


def test_its_crossing_of_engines_is_that_of_the_plan() -> None:
    """Influence takes fewer products than factored where T - 3 > 2 E / F."""
    mesh = sparse_mesh(0, hidden=100, edges=1500)
    crossing = 3 + 2 * mesh.edges / mesh.free
    below, above = (costs(task(mesh, ticks=round(share * crossing), batch=2, seed=0)) for share in (0.8, 1.25))
    assert below["factored"].flops < below["influence"].flops
    assert above["factored"].flops > above["influence"].flops


def test_a_curve_of_all_ways_is_measured() -> None:
    (found,) = measure_curve(
        [100], lambda part: None, problem=complexity.at_batch, places=(4, 8), ways=tuple(WAYS), threads=1,
        repeats=Repeats(1, 0.0), most_flops=1e9, most_bytes=1e9, metered=False,
    )  # fmt: skip
    assert all(found.history[f"{way}_places"] == [4, 8] for way in WAYS)
    assert all(min(found.history[f"{way}_seconds"]) > 0 for way in WAYS)
    assert not any(name.endswith("_bytes") for name in found.history)


def test_meshes_have_the_edges_that_they_are_asked_for() -> None:
    for hidden, edges in ((96, 128), (96, 8192), (43, 1500), (1000, 1500)):
        found = sparse_mesh(3, hidden=hidden, edges=edges)
        assert (found.edges, found.hidden) == (edges, hidden)
    with pytest.raises(ValueError, match="10 hidden neurons take 22 to 122 edges here, got 123"):
        sparse_mesh(0, hidden=10, edges=123)
    assert complexity.full_mesh(1, 20).net.topology.neurons == 20
    assert complexity.at_neurons(1, 60).net.topology.neurons == 60


def test_places_are_geometric() -> None:
    assert geometric(1, 16, 5) == (1, 2, 4, 8, 16)
    assert all(len(set(growth.places)) == len(growth.places) for growth in GROWTHS)


def test_the_verdict_follows_the_numbers() -> None:
    counted, times, _ = verdict([(growth, as_derived(growth)) for growth in GROWTHS])
    assert "agree with the derivation within 0.15 everywhere" in counted
    assert times.startswith("*Time* grows as derived")
    growth = KIND["batch"]
    _, slower, _ = verdict([(growth, as_derived(growth, -0.3))])
    assert slower.startswith("*Time* grows slower than derived")
    assert "BPTT in batch (0.70 ± 0.00 for 1)" in slower
    _, faster, answer = verdict([(growth, as_derived(growth, 0.3))])
    assert faster.startswith("*Time* grows **faster than derived**")
    assert "batch 4,096: as published (N x N x N) 1, FOP, influence 1, FOP, factored 1" in answer
    off = as_derived(growth)
    off.history["bptt_flops"] = [place**1.5 for place in growth.places]
    assert "differ by more than 0.15 for BPTT in batch (1.50 for 1)" in verdict([(growth, off)])[0]


def test_the_page_shows_what_is_there() -> None:
    results: dict[str, list[Result]] = {growth.experiment.name: [] for growth in GROWTHS}
    assert [type(one) for one in complexity.render(results)] == [Text, Text]
    for growth in GROWTHS[:3]:
        results[growth.experiment.name] = [as_derived(growth)]
    elements = complexity.render(results)
    (table,) = [one for one in elements if isinstance(one, Table)]
    assert len(table.rows) == 12
    first = table.rows[0]
    assert first[:7] == [GROWTHS[0].words, WAYS["published"], "4", "4.00 ± 0.00", "4.00 ± 0.00", "3", "3.00 ± 0.00"]
    assert sum(isinstance(one, Picture) for one in elements) == 1
    short = as_derived(GROWTHS[0])
    for what in ("places", "flops", "seconds", "carried"):
        short.history[f"published_{what}"] = short.history[f"published_{what}"][:2]
    assert fitted(short, "published", "seconds") is None
    results[GROWTHS[0].experiment.name] = [short]
    (table,) = [one for one in complexity.render(results) if isinstance(one, Table)]
    assert table.rows[0][3] == "too few places"
