"""What was done with graphs that change, in words, of the settings themselves."""

from __future__ import annotations

from onward.nets.pruning import prunable
from onward.papers.mesh_neural_networks.changing_cells import BATCH, PARTS, PROBLEMS, RATES, START, TICKS
from onward.papers.mesh_neural_networks.changing_jobs import BEGIN, END
from onward.papers.mesh_neural_networks.changing_trials import percent
from onward.papers.mesh_neural_networks.changing_verdicts import Found
from onward.papers.mesh_neural_networks.changing_ways import EVERY, EXCHANGED
from onward.papers.mesh_neural_networks.words import listed


def protocol(found: Found) -> str:
    """Say how meshes were made smaller, trained, chosen and judged."""
    shapes = "; ".join(
        f"{its.title}, {its.shape[0]} features, {its.shape[1]} hidden neurons, {prunable(its.dense).sum()} edges, {its.epochs} epochs"
        for its in PROBLEMS.values()
    )
    seeds = max(len(results) for results in found.values())
    same = [f"{percent(part)} %" for part in PARTS if START * part >= 1]
    alike = f" (at {listed(same)} that is all of them, so that both are the same)" if same else ""
    return (
        f"A full ReLU mesh with {TICKS} ticks, trained forward-only, made smaller to {listed([f'{percent(part)} %' for part in PARTS])} of "
        f"its edges; {seeds} seeds, each with its own parts of the data. {shapes}. Biases are not counted and not pruned. Adam with cosine decay, batches of {BATCH}; validation "
        f"loss chooses between the rates {listed([str(rate) for rate in RATES])} for every seed, way and part anew, and the weights are those of the last epoch. "
        f"*Random*: every block keeps a random part, the first draw in which inputs reach every output (section 4.2), and is trained. *By magnitude*: "
        f"the smallest edges go after each epoch between {percent(BEGIN)} % and {percent(END)} % of training (cubic schedule). *Group lasso*: proximal steps "
        f"on all edges of a hidden neuron together, whole neurons vanish on the same schedule (what is behind at its end is forced). Both begin with all edges or with a mesh "
        f"pruned at random to {START:g} times as many as are to be left{alike}; direct edges from inputs to outputs stay under group lasso, so it cannot come to every part from all edges. "
        f"*Prune and regrow*: from the graph and weights of *random*, every {EVERY} epochs up to {percent(EXCHANGED)} % of the edges, the smallest, are exchanged for "
        f"the absent ones of largest true gradient over the training data. Meshes that keep their neurons are trained side by side, absent edges as zeros that take no blame, which "
        "is the same to rounding."
    )
