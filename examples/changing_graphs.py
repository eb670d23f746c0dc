"""Let a mesh grow smaller while it learns the spirals forward-only, exchange its edges, and give it more neurons that change nothing yet.

python examples/changing_graphs.py changing-graphs.png
"""

import sys
from functools import partial

import torch
from matplotlib.figure import Figure

from onward import ForwardOnly, MeshNet, Recipe, Training, accuracy, datasets, graphs
from onward.nets.changing import changed, with_neurons
from onward.nets.pruning import by_magnitude, dead, prunable
from onward.reports import draw_decision_regions, draw_graph
from onward.training.changing import change_graph
from onward.training.edge_schedules import cosine, cubic
from onward.training.regrowing import by_gradient

torch.set_num_threads(1)
data = datasets.spirals(seed=0)
net = MeshNet(graphs.mesh(features=2, hidden=30, outputs=2), ticks=3)
learner = ForwardOnly(net)
decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=150)
recipe = Recipe(partial(torch.optim.Adam, lr=0.01), epochs=150, batch=32, schedule=decay)
run = Training(learner, data, recipe, generator=torch.Generator().manual_seed(0))


def edges() -> int:
    """All but those of the bias."""
    return int(prunable(net.topology).sum())


first = edges()
for epoch in run.epochs():  # the one loop; what changes the graph stands in it
    due = cubic(epoch.number, first=first, last=150, begin=5, end=60)
    if due < edges():
        change_graph(run, by_magnitude(net, due))
    elif 60 < epoch.number <= 100 and epoch.number % 5 == 0:
        moved = round(150 * cosine(epoch.number - 60, first=0.1, end=40))
        change_graph(run, by_magnitude(net, 150 - moved))
        change_graph(run, by_gradient(learner, data.train.x, data.train.y, moved))
    if epoch.number % 30 == 0:
        print(f"{epoch.number} epochs, {edges()} edges, loss {epoch.loss.item():.3f}")
print(f"{edges()} of {first} edges, test accuracy {accuracy(learner.scores(data.test.x), data.test.y).item():.3f}")

small = changed(net, dead(net))  # without edges and neurons that cannot matter
larger = with_neurons(small, 5, generator=torch.Generator().manual_seed(0))
apart = (larger(data.test.x) - small(data.test.x)).abs().max().item()
print(f"{small.topology.hidden} hidden neurons; with 5 more the outputs differ by {apart:.0e}")

figure = Figure(figsize=(8, 3.6), layout="constrained")
axes = figure.subplots(1, 2)
draw_decision_regions(learner.scores, data.test.x, data.test.y, axes[0], title=f"{edges()} of {first} edges")
draw_graph(small.topology, small.weight.detach(), axes[1])
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "changing-graphs.png", dpi=110)
