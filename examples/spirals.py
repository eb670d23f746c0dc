"""Teach a mesh the two spirals forward-only, and draw what it says over the plane as it learns.

python examples/spirals.py docs/images/spirals.png
"""

import sys
from functools import partial

import torch
from matplotlib.figure import Figure

from onward import ForwardOnly, MeshNet, Recipe, datasets, fit, graphs
from onward.reports import draw_decision_regions, draw_graph

torch.set_num_threads(1)
data = datasets.spirals(seed=0)
net = MeshNet(graphs.mesh(features=2, hidden=10, outputs=2), ticks=3)
learner = ForwardOnly(net)
decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=300)
recipe = Recipe(partial(torch.optim.Adam, lr=0.03), epochs=300, batch=32, schedule=decay)

figure = Figure(figsize=(13, 3.3), layout="constrained")
axes = figure.subplots(1, 4)
moments = iter(zip((5, 40, 300), axes, strict=False))
number, axis = next(moments)
for epoch in fit(learner, data, recipe, generator=torch.Generator().manual_seed(0)):
    if epoch.number == number:
        right = (learner.scores(data.test.x).argmax(-1) == data.test.y).double().mean().item()
        title = f"{number} epochs, test accuracy {right:.3f}"
        draw_decision_regions(learner.scores, data.test.x, data.test.y, axis, title=title)
        number, axis = next(moments, (0, axis))
draw_graph(net.topology, net.weight.detach(), axes[-1])
axes[-1].get_legend().remove()
axes[-1].set_title("the trained mesh", fontsize=10)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "spirals.png", dpi=110)
