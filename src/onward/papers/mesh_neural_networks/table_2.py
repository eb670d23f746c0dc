"""Table 2: meshes and perceptrons of as many connections behind an autoencoder, on MNIST and Fashion-MNIST.

As the paper describes it, with forward-only propagation; as the authors' script does it, which is something else; and beyond the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.statistics import Mean, mean, paired, values
from onward.papers.mesh_neural_networks import table_2_beyond, table_2_raw
from onward.papers.mesh_neural_networks.autoencoder import Settings
from onward.papers.mesh_neural_networks.classifiers import equal
from onward.papers.mesh_neural_networks.features import TITLES
from onward.papers.mesh_neural_networks.table_2_cells import (
    AS_PUBLISHED,
    BATCH,
    BEYOND,
    DENSITIES,
    DESCRIBED,
    EPOCHS,
    FEW,
    OTHER_FEATURES,
    PRINTED_SIZES,
    PUBLISHED_EPOCHS,
    RATES,
    SEEDS,
    SETS,
)
from onward.papers.mesh_neural_networks.table_2_verdicts import (
    PRINTED,
    Found,
    at_the_edges,
    on_the_ceiling,
    over_features,
    reproduced,
    verdicts,
)
from onward.papers.mesh_neural_networks.words import ACCURACY, averaged
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, row_of_axes
from onward.reports.words import NOT_RUN, signed

NAMES = {
    "mesh-798": "mesh, 85 % pruned",
    "mlp-2-798": f"MLP {'+'.join(map(str, equal(798, 2)))}",
    "mlp-1-798": f"MLP {equal(798, 1)[0]}, one hidden layer",
    "mesh-1044": "mesh, 80 % pruned",
    "mesh-2-ticks": "mesh, 80 % pruned, 2 ticks",
    "mlp-2-1044": f"MLP {'+'.join(map(str, equal(1044, 2)))}",
    "mlp-1-1044": f"MLP {equal(1044, 1)[0]}, one hidden layer",
    "linear": "linear classifier",
}


def render(results: Results) -> list[Element]:
    """Show paper and onward side by side, paired differences, the sweep, the script's way, and what goes beyond."""
    described = {name: _of(results, DESCRIBED[name]) for name in SETS}
    elements: list[Element] = [Text(AUTOENCODER), Text("## As described"), Text(PROTOCOL)]
    for name in SETS:
        elements.append(
            _table(described[name], PRINTED[name], f"{TITLES[name]}, as described: test accuracy, mean ± 95 %.")
        )
    elements += [_differences(described), *(Text(sentence) for sentence in verdicts(described) + _rates(described))]
    if any(described[name][f"{arm}-{edges}"] for name in SETS for edges in DENSITIES for arm in ("mesh", "mlp-2")):
        caption = "Test accuracy against connections: mean and 95 % band over the trials that all sizes have, beside what the paper printed."
        elements += [Text("## More connections"), *(_sweep(described[name], name) for name in SETS)]
        elements += [Picture(caption, _figure(described)), *(Text(sentence) for sentence in on_the_ceiling(described))]
    elements += [Text("## As published"), Text(SCRIPT)]
    published = {name: _of(results, AS_PUBLISHED[name]) for name in SETS}
    for name in SETS:
        elements.append(
            _table(published[name], PRINTED[name], f"{TITLES[name]}, as published: test accuracy, mean ± 95 %.")
        )
    elements += [Text(sentence) for sentence in reproduced(published)]
    elements += [Text("## Another autoencoder for every trial"), _other(results)]
    others = {name: _of(results, OTHER_FEATURES[name]) for name in SETS}
    elements += [Text(sentence) for sentence in over_features(others)]
    return [*elements, *table_2_beyond.shown(results), *table_2_raw.shown(results)]


_TRAINED = Settings()
AUTOENCODER = (
    f"An autoencoder makes 32 features of every picture: convolutions of 16 and 8 channels, ReLU, maximum pooling, and three transposed "
    f"convolutions back. It learns from all 60,000 training pictures, those that will choose included, without their labels, by ordinary backpropagation, {_TRAINED.epochs} passes of Adam at "
    f"{_TRAINED.rate:g} in batches of {_TRAINED.batch} (the authors' code; the paper states none): it is not what is compared here. The paper prints stride 2 for both "
    f"poolings; only stride 1 in the second one leaves 32 features. One autoencoder serves all trials of a data set, so intervals are over "
    f"prunings, weights, orders and the part that chooses."
)
PROTOCOL = (
    f"{SEEDS} trials, {FEW} of nets with more connections than the paper's table has. Of the 60,000 training pictures 10,000 choose, drawn anew in every trial, stratified by class; all nets of a trial have the same parts and order, so "
    f"that differences are paired. Features are scaled by the part that is learned from. Connections are weights and biases, of meshes and of perceptrons. "
    f"The mesh has 50 hidden neurons, 3 ticks, ReLU while it learns and when it is asked, linear outputs, one softmax; connections are pruned at random in each block alike, "
    f"anew in every trial, and it learns by forward-only propagation. Perceptrons and the linear classifier learn by backpropagation. All by Adam with cosine decay, batches of {BATCH}, "
    f"one of {len(RATES)} rates ({', '.join(map(str, RATES))}) and the epoch chosen by validation loss, for every trial and net anew. **Reduced**: {EPOCHS} passes (the paper: 100), and trials of nets with more connections. "
    f"*Live* are connections that can influence an output within the ticks. What another test part would change is not in the intervals: of its 10,000 pictures an "
    f"accuracy of 87 % is uncertain by 0.007, a paired difference by less."
)
SCRIPT = (
    f"What the authors' released script does: automatic differentiation, 2 ticks, ReLU on all neurons and dropout of 0.2 while it learns and neither at the "
    f"test, so that the tested net is linear; a softmax before the one in the cross-entropy; features as they are; Adam at 0.001, {PUBLISHED_EPOCHS} passes (**reduced**; the paper: 100), all 60,000 pictures, "
    f"the last weights. The script gives both layers of its perceptron one width, so that 14+13 is ours."
)


def _rates(described: Mapping[str, Found]) -> list[str]:
    groups: dict[str, list[Result]] = {"meshes": [], "perceptrons": [], "linear classifiers": []}
    words = {"mesh": "meshes", "mlp": "perceptrons", "linear": "linear classifiers"}
    for found in described.values():
        for arm, runs in found.items():
            groups[words[arm.partition("-")[0]]] += runs
    return at_the_edges(groups, RATES)


def _of(results: Results, experiments: Mapping[str, Experiment]) -> Found:
    return {arm: results[one.name] for arm, one in experiments.items()}


def _table(found: Found, printed: Mapping[str, tuple[float, float]], caption: str) -> Table:
    rows = [_row(arm, words, found[arm], printed.get(arm)) for arm, words in NAMES.items() if arm in found]
    return Table(caption, ["net", "connections", "live", "paper", "onward ± 95 %", "difference"], rows)


def _row(arm: str, words: str, ours: Sequence[Result], theirs: tuple[float, float] | None) -> list[str]:
    paper = "" if theirs is None else f"{theirs[0]:.3f} ± {theirs[1]:.3f}"
    if not ours:
        return [words, "", "", paper, NOT_RUN, ""]
    found = mean(values(ours, ACCURACY))
    counts = [f"{mean(values(ours, count)).value:.0f}" for count in ("connections", "live")]
    return [words, *counts, paper, f"{found}", "" if theirs is None else f"{found.value - theirs[0]:+.3f}"]


def _differences(described: Mapping[str, Found]) -> Table:
    rows = []
    for name in SETS:
        for edges in PRINTED_SIZES:
            ours = described[name][f"mesh-{edges}"]
            rivals = [f"mlp-2-{edges}", f"mlp-1-{edges}", "linear", *(["mesh-2-ticks"] if edges == 1044 else [])]
            rows += [
                [TITLES[name], f"{edges}", NAMES[arm], signed(paired(ours, described[name][arm], ACCURACY))]
                for arm in rivals
            ]
    header = ["data", "connections of the mesh", "other net", "mesh minus the other net"]
    return Table("Mesh minus another net on the same trials, test accuracy: mean ± 95 %, not widened.", header, rows)


def _sweep(found: Found, name: str) -> Table:
    rows = []
    for edges in DENSITIES:
        mesh, rival = found[f"mesh-{edges}"], found[f"mlp-2-{edges}"]
        live = f"{mean(values(mesh, 'live')).value:.0f}" if mesh else ""
        cells = [averaged(one) for one in (mesh, rival)]
        widths = equal(edges, 2)
        size = f"{'+'.join(map(str, widths))}"
        rows.append([f"{edges}", live, cells[0], size, cells[1], signed(paired(mesh, rival, ACCURACY))])
    header = ["connections", "live", "mesh", "MLP", "its accuracy", "mesh minus MLP, paired"]
    return Table(f"{TITLES[name]}: test accuracy against connections, mean ± 95 %.", header, rows)


def _figure(described: Mapping[str, Found]) -> Figure:
    axes = row_of_axes(len(SETS), (10, 4.2))
    for axis, name in zip(axes, SETS, strict=True):
        bands = {}
        for arm, words in (("mesh", "mesh, forward-only"), ("mlp-2", "MLP, backprop")):
            by_size = {
                edges: {r.seed: r.metrics[ACCURACY] for r in described[name][f"{arm}-{edges}"]} for edges in DENSITIES
            }
            sizes = [edges for edges, runs in by_size.items() if runs]
            seeds = sorted(set.intersection(*(set(by_size[edges]) for edges in sizes))) if sizes else []
            if seeds:
                bands[words] = (sizes, [[by_size[edges][seed] for edges in sizes] for seed in seeds])
        points = {
            words: {edges: Mean(*PRINTED[name][f"{arm}-{edges}"], 10) for edges in PRINTED_SIZES}
            for arm, words in (("mesh", "paper, MNN"), ("mlp-2", "paper, MLP"))
        }
        figures.draw_bands_and_points(bands, points, x="connections", y="test accuracy", axes=axis, title=TITLES[name])
    return figure_of(axes[0])


def _other(results: Results) -> Table:
    rows = []
    for name in SETS:
        found = _of(results, OTHER_FEATURES[name])
        for arm, ours in found.items():
            difference = "" if arm == "mesh-1044" else signed(paired(found["mesh-1044"], ours, ACCURACY))
            rows.append([TITLES[name], NAMES[arm], averaged(ours), difference])
    header = ["data", "net", "onward ± 95 %", "mesh minus this net, paired"]
    return Table(
        f"An autoencoder of its own for each of {FEW} trials, so that intervals are over features too.", header, rows
    )


ARTEFACT = Artefact(
    "table-2",
    "Table 2: meshes and perceptrons behind an autoencoder, on MNIST and Fashion-MNIST",
    "Mesh Neural Networks, Table 2 and section 4.2",
    tuple(
        experiment
        for cells in (DESCRIBED, AS_PUBLISHED, OTHER_FEATURES, BEYOND)
        for arms in cells.values()
        for experiment in arms.values()
    )
    + tuple(table_2_raw.EXPERIMENTS.values()),
    render,
)
