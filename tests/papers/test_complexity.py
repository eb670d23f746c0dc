"""The derivation of complexity is that of the plan, and the page shows what was fitted."""

import math
from pathlib import Path

import pytest

from onward.experiments.result import Result
from onward.kernels.plan import plan
from onward.papers.mesh_neural_networks import complexity
from onward.papers.mesh_neural_networks.complexity import GROWTHS, WAYS, Growth, geometric, sparse_mesh
from onward.papers.mesh_neural_networks.complexity_verdicts import TOO_WIDE, fitted, verdict
from onward.papers.mesh_neural_networks.curves import Repeats, measure_curve
from onward.papers.mesh_neural_networks.gradient_costs import costs, live_edges
from onward.papers.mesh_neural_networks.gradient_tasks import task
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
        operations, held = (1 if one is None else one for one in (growth.operations[k], growth.bytes[k]))
        history[f"{way}_places"] = places
        history[f"{way}_products"] = [place**operations for place in places]
        history[f"{way}_derived"] = [place**operations for place in places]
        history[f"{way}_carried"] = [float(place**held) for place in places]
        history[f"{way}_seconds"] = [place ** (operations + bend) * 1.001 ** (-1) ** n for n, place in enumerate(places)]
    return result(history)


def said(*found: tuple[Growth, Result]) -> list[str]:
    return verdict([curve for one in found for curve in complexity.curves(*one)], base="bptt")


@pytest.mark.parametrize("what", ["operations", "bytes"])
@pytest.mark.parametrize("name", sorted(KIND))
def test_the_derived_exponents_are_those_that_the_plan_tends_to(name: str, what: str) -> None:
    """Between two places so far out that nothing but the leading term is left."""
    growth = KIND[name]
    # Where something else is held it has to be small beside what grows, and large enough for the leading term.
    far = {
        "neurons-full": (400, 800),
        "neurons": (300, 600),
        "edges": (4000, 8000),
        "ticks": (2000, 4000),
        "batch": (4096, 8192),
    }
    low, high = (costs(growth.problem(1, place)) for place in far[name])
    for k, way in enumerate(WAYS):
        one, other = ((c[way].flops, c[way].bytes)[what == "bytes"] for c in (low, high))
        a, b = far[name]
        expected = getattr(growth, what)[k]
        if expected is not None:
            assert math.log(other / one) / math.log(b / a) == pytest.approx(expected, abs=0.12), way


def test_the_document_has_the_same_exponents() -> None:
    for what, heading in (("operations", "operations"), ("bytes", "bytes")):
        part = DOCUMENT.split(f"| {heading} | neurons of a full mesh")[1].split("\n\n")[0]
        assert part.splitlines()[0].split(" | ")[1:] == [*(growth.words for growth in GROWTHS[1:-1]), "batch |"]
        for k, words in enumerate(WAYS.values()):
            (row,) = [line for line in part.splitlines() if line.startswith(f"| {words} |")]
            cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
            exponents = [getattr(growth, what)[k] for growth in GROWTHS]
            assert cells == ["walks" if one is None else f"{one}" for one in exponents]


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
        repeats=Repeats(1, 0.0), most_flops=1e9, most_bytes=1e9, counting=True,
    )  # fmt: skip
    assert all(found.history[f"{way}_places"] == [4, 8] for way in WAYS)
    assert all(min(found.history[f"{way}_seconds"]) > 0 for way in WAYS)
    assert all(found.history[f"{way}_products"] == found.history[f"{way}_derived"] for way in WAYS)
    assert found.history["bptt_products"][1] == 2 * found.history["bptt_products"][0] > 0
    assert all(found.history[f"{way}_products"] == found.history[f"{way}_derived"] for way in WAYS)
    assert found.history["bptt_products"][1] == 2 * found.history["bptt_products"][0] > 0
    assert not any(name.endswith("_bytes") for name in found.history)


def test_meshes_have_the_edges_that_they_are_asked_for() -> None:
    for hidden, edges in ((96, 256), (96, 8192), (49, 2200), (1017, 2200)):
        found = sparse_mesh(3, hidden=hidden, edges=edges)
        assert (found.edges, found.hidden) == (edges, hidden)
    with pytest.raises(ValueError, match="10 hidden neurons take 32 to 132 edges here, got 133"):
        sparse_mesh(0, hidden=10, edges=133)
    with pytest.raises(ValueError, match="got 31"):
        sparse_mesh(0, hidden=10, edges=31)
    assert complexity.full_mesh(1, 20).net.topology.neurons == 20
    assert complexity.at_neurons(1, 60).net.topology.neurons == 60


def test_places_are_geometric() -> None:
    assert geometric(1, 16, 5) == (1, 2, 4, 8, 16)
    assert all(len(set(growth.places)) == len(growth.places) for growth in GROWTHS)


@pytest.mark.parametrize("growth", GROWTHS, ids=lambda growth: growth.name)
def test_no_edge_is_dead_at_either_end_of_a_range(growth: Growth) -> None:
    """What the influence engine carries would else be less than what grows."""
    for place in (growth.places[0], min(growth.places[-1], 300)):
        given = growth.problem(100, place)
        assert live_edges(given) == given.net.topology.edges


def test_the_verdict_of_counts_is_that_every_product_is_derived() -> None:
    counts, exponents, times, _ = said(*((growth, as_derived(growth)) for growth in GROWTHS))
    steps = sum(len(growth.places) for growth in GROWTHS) * len(WAYS)
    assert (
        counts
        == f"*Operations*: what is multiplied is derived to the last product, in all {steps:,} steps that were counted."
    )
    assert "agree with that of the leading term within 0.15 everywhere" in exponents
    assert times.startswith("*Time*, on 1 thread, grows as derived: ")
    assert "sparse in neurons, edges fixed" not in times, "nothing is derived of it as a power"
    growth = KIND["batch"]
    off = as_derived(growth)
    off.history["bptt_products"] = [2 * place if place > 100 else place for place in growth.places]
    off.history["influence_products"][-1] += 1
    more = sum(place > 100 for place in growth.places)
    wrong, exponents, *_ = said((growth, off))
    assert wrong.startswith(
        "*Operations*: **not all as derived**; other than derived are FOP, influence in batch (1 of 21, at 4,096 1.000244 times); "
    )
    assert wrong.endswith(f"computational graph (autograd) in batch ({more} of 21, at {growth.places[-more]} 2 times).")
    assert "everywhere" in exponents, "twice as many at all places of the fit is the same exponent"
    off.history["bptt_products"] = [place**2 for place in growth.places]
    assert (
        "differ by more than 0.15 from that of the leading term for computational graph (autograd) in batch (2.00 for 1); elsewhere"
        in said((growth, off))[1]
    )
    for way in WAYS:
        for what in ("places", "products", "derived", "seconds"):
            off.history[f"{way}_{what}"] = []
    assert said((growth, off))[0] == "*Operations*: none are counted."


@pytest.mark.parametrize(
    ("bend", "grows"),
    [
        (-0.3, "less steeply than derived"),
        (-0.1, "as derived"),
        (0.1, "as derived"),
        (0.3, "**more steeply than derived**"),
    ],
)
def test_the_verdict_of_times_has_a_tolerance_and_says_how_steeply(bend: float, grows: str) -> None:
    growth = KIND["batch"]
    _, _, times, beside = said((growth, as_derived(growth, bend)))
    assert times.startswith(f"*Time*, on 1 thread, grows {grows}: as published (N x N x N) in batch")
    assert ("(autograd) in batch (" in times) == (grows != "as derived")
    assert (
        "batch 4,096: as published (N x N x N) 1, FOP, influence 1, FOP, factored 1, FOP, sparse 1, backpropagation by hand 1."
        in beside
    )
    if bend < -0.2:
        assert "computational graph (autograd) in batch (0.70 ± 0.00 for 1)" in times


def test_an_interval_that_reaches_the_tolerance_is_as_derived() -> None:
    growth = KIND["batch"]
    noisy = as_derived(growth, -0.2)
    noisy.history["bptt_seconds"] = [seconds * 1.5 ** (-1) ** n for n, seconds in enumerate(noisy.history["bptt_seconds"])]
    found = fitted(noisy.history, "bptt", "seconds")
    assert found is not None
    assert found.value < 0.85 < found.value + found.half
    assert any("as derived: computational graph (autograd) in batch." in one for one in said((growth, noisy)))


def test_an_interval_that_holds_other_powers_tells_nothing() -> None:
    growth = KIND["batch"]
    wide, few = as_derived(growth), as_derived(growth)
    wide.history["bptt_seconds"] = [seconds * 9.0 ** (-1) ** n for n, seconds in enumerate(wide.history["bptt_seconds"])]
    for what in ("places", "products", "derived", "seconds"):
        few.history[f"bptt_{what}"] = few.history[f"bptt_{what}"][-7:]
    for found, places, broad in ((wide, 11, True), (few, 3, False)):
        exponent = fitted(found.history, "bptt", "seconds")
        assert exponent is not None
        assert (exponent.n, exponent.half >= TOO_WIDE) == (places, broad)
        told = [one for one in said((growth, found)) if "in a way that cannot be told: " in one]
        assert len(told) == 1
        assert told[0].startswith(
            "*Time*, on 1 thread, grows in a way that cannot be told: computational graph (autograd) in batch ("
        )


def test_the_page_shows_what_is_there() -> None:
    results: dict[str, list[Result]] = {growth.experiment.name: [] for growth in GROWTHS}
    assert [type(one) for one in complexity.render(results)] == [Text, Text]
    for growth in GROWTHS[:3]:
        results[growth.experiment.name] = [as_derived(growth)]
    elements = complexity.render(results)
    (table,) = [one for one in elements if isinstance(one, Table)]
    assert len(table.rows) == 18
    assert table.rows[9][1:3] == [WAYS["sparse"], "no single power"]
    first = table.rows[0]
    assert first[:7] == [GROWTHS[0].words, WAYS["published"], "4", "4.00 ± 0.00", "4.00 ± 0.00", "3", "3.00 ± 0.00"]
    assert sum(isinstance(one, Picture) for one in elements) == 1
    short = as_derived(GROWTHS[0])
    for what in ("places", "products", "derived", "seconds", "carried"):
        short.history[f"published_{what}"] = short.history[f"published_{what}"][:2]
    assert fitted(short.history, "published", "seconds") is None
    results[GROWTHS[0].experiment.name] = [short]
    (table,) = [one for one in complexity.render(results) if isinstance(one, Table)]
    assert table.rows[0][3] == "too few places"
