"""Everything that can be regenerated, by name."""

from __future__ import annotations

from onward.naming import suggest
from onward.papers.mesh_neural_networks import (
    animation,
    changing_graphs,
    complexity,
    figures_4_and_5,
    iris,
    numerical_test,
    online,
    pruning,
    regression,
    scale,
    second_order,
    table_1,
    table_2,
    threads,
    ticks,
)
from onward.papers.mesh_neural_networks import speed as mesh_speed
from onward.papers.mono_forward import (
    accuracy,
    causes,
    convergence,
    damage,
    early_exit,
    forward_forward,
    memory,
    plugging,
    prediction_cost,
    ranks,
    speed,
    table_6,
)
from onward.papers.mono_forward import table_1 as blocks
from onward.papers.neuron_by_neuron import cascades
from onward.reports.artefact import Artefact

MODULES = (
    numerical_test, table_1, table_2, iris, figures_4_and_5, animation, second_order, ticks, pruning, regression,
    changing_graphs, online, mesh_speed, complexity, threads, scale, cascades,
    accuracy, blocks, causes, convergence, damage, early_exit, forward_forward, memory, plugging, prediction_cost, ranks, speed,
    table_6,
)  # fmt: skip
ARTEFACTS = {module.ARTEFACT.name: module.ARTEFACT for module in MODULES}


def find(name: str) -> Artefact:
    """Give the artefact of a name. Unknown names raise `ValueError`."""
    if name not in ARTEFACTS:
        known = ", ".join(ARTEFACTS)
        raise ValueError(f"unknown artefact {name!r}, expected one of {known}{suggest(name, ARTEFACTS)}")
    return ARTEFACTS[name]
