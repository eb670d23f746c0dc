"""A model file on the command line: what it is, and in which other forms it can be had."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import nn

from onward import models
from onward.cli import columns, files, shown
from onward.estimators.base import TableEstimator
from onward.estimators.classifying import Classifying
from onward.estimators.layered import LayeredEstimator
from onward.estimators.mesh import MeshEstimator
from onward.exports import by_suffix
from onward.exports.c_source import to_c
from onward.files import atomic
from onward.kernels.losses import cross_entropy
from onward.learners.base import AbstractLearner
from onward.learners.by_name import Rule
from onward.models.estimator_file import Estimator
from onward.models.file import Model
from onward.models.learner_file import LayeredLearner
from onward.models.scores import METRICS
from onward.models.table_model import TableModel
from onward.nets.builders import mlp
from onward.nets.layered import LayeredNet
from onward.nets.mesh import MeshNet
from onward.nets.readouts import last
from onward.reports import drawings
from onward.tables.columns import Numeric

DRAWINGS = (".svg", ".png", ".pdf")
FORMS = (*by_suffix.FORMS, *DRAWINGS)


def export(model: Path, target: Path, *, force: bool, console: Console) -> None:
    """Write a model file in the form that the target's suffix asks for, and say what goes in and comes out.

    Raises:
        ValueError: a model, a suffix or a place to write to that cannot be used, or what the form in question refuses.
    """
    files.check_suffix(target, "export", FORMS)
    files.check(target, force=force, sources=[model])
    found = models.load(model)
    files.write_together({target: lambda path: export_model(found, path)})
    shown.say(console, f"Exported: {target}")
    if target.suffix.lower() not in DRAWINGS:
        for sentence in ends(found):
            shown.say(console, sentence)


def export_model(model: Model, target: Path) -> None:
    """Write a model as `onward.exports.save` does, or draw its graph with its weights; errors as there."""
    net = net_of(model)
    estimator = model.estimator if isinstance(model, TableModel) else model
    suffix = target.suffix.lower()
    before, after = None, None
    if isinstance(estimator, TableEstimator):
        before, after = estimator.input_scaling_, estimator.output_scaling_
    if isinstance(net, LayeredNet):
        files.check_suffix(target, "the export of layers", by_suffix.LAYERED)
        by_suffix.save(net, target, inputs=before, outputs=after)
    elif suffix in DRAWINGS:
        draw = drawings.draw_adjacency if net.topology.neurons > drawings.LARGEST_GRAPH else drawings.draw_graph
        content = io.BytesIO()
        draw(net.topology, net.weight.detach()).savefig(content, format=suffix[1:], dpi=144)
        atomic.write(target, content.getvalue())
    elif suffix == ".c":
        text = _comment(model) + to_c(net, inputs=before, outputs=after, classes=classes(model))
        atomic.write(target, text.encode())
    else:
        by_suffix.save(net, target, inputs=before, outputs=after)


def net_of(model: Model) -> MeshNet | LayeredNet:
    """Give the net that predicts what a model does, or refuse, with a `ValueError`, a model that predicts by more than it."""
    if isinstance(model, MeshNet | LayeredNet):
        return model
    estimator = model.estimator if isinstance(model, TableModel) else model
    if isinstance(estimator, MeshEstimator):
        return estimator.net_
    if isinstance(estimator, LayeredEstimator):
        return predicting(estimator.learner_)
    assert isinstance(estimator, AbstractLearner)  # noqa: S101
    return predicting(estimator)


def predicting(learner: AbstractLearner) -> LayeredNet:
    """Give the net of a learner that predicts as the net by itself does, or refuse any other with a `ValueError`."""
    name, net = type(learner).__name__, getattr(learner, "net", None)
    if not isinstance(net, LayeredNet) or net.head is None:
        raise ValueError(f"a {name} predicts by more than its net, with every label in turn, which no export holds")
    if getattr(learner, "readout", last) is not last:
        raise ValueError(
            f"this {name} reads its scores from all blocks, which no export holds; one that reads the last block can be exported"
        )
    return net


def check_rule(rule: Rule, targets: Sequence[Path]) -> None:
    """Refuse, with a `ValueError`, exports that a net taught by a rule has not, before anything is trained."""
    for target in targets:
        files.check_suffix(target, f"--export beside --rule {rule.name}", by_suffix.LAYERED)
    if targets:
        small = mlp(rule.appended + 4, (2,), 2)  # as small as any rule takes
        predicting(rule.teach(small, cross_entropy, torch.Generator()))


def classes(model: Model) -> list[str] | None:
    """Name the classes of a model in the order of its outputs; None if it has none."""
    if isinstance(model, TableModel) and isinstance(model.estimator, Classifying):
        return [str(name) for name in model.schema.decode_target(model.estimator.classes_)]
    return [str(name) for name in model.classes_.tolist()] if isinstance(model, Classifying) else None


def ends(model: Model) -> list[str]:
    """Say in sentences which numbers the bare net takes, and what its outputs are."""
    said = []
    if isinstance(model, TableModel):
        names = model.schema.feature_names
        said.append(f"It takes {len(names)} numbers, in this order: {', '.join(map(repr, names))}.")
        numeric = [column for column in model.schema.columns if isinstance(column, Numeric)]
        fills = {column.name: column.fill for column in numeric if column.indicator}
        if fills:
            filled = ", ".join(f"{name!r} with {fill:g}" for name, fill in fills.items())
            said.append(f"Missing numbers are to be filled: {filled}.")
        if any("=" in name or name.endswith(" is missing") for name in names):
            said.append("A feature named after a text, or `... is missing`, is 1 where that is so and 0 elsewhere.")
    named = classes(model)
    if named is not None:
        said.append(
            f"It gives {len(named)} scores, the largest for the class: {', '.join(map(repr, named))}, in this order."
        )
    elif isinstance(model, TableModel):
        said.append(f"It gives {model.schema.target.name!r}.")
    return said


def show(path: Path, console: Console) -> None:
    """Print what a model file holds: what it predicts, from which columns, its net, and its numbers on rows held out."""
    model = models.load(path)
    estimator = model.estimator if isinstance(model, TableModel) else model
    if isinstance(model, TableModel):
        task = model.schema.target.task
        shown.say(console, f"{path}: a model of {model.schema.target.name!r}, {task}")
        shown.print_table(console, columns.HEADER, columns.rows(None, model.schema))
        for note in model.schema.notes:
            shown.say(console, f"Note: {note}.")
    else:
        named = classes(model)
        what = f" of the classes {', '.join(map(repr, named))}" if named else ""
        shown.say(console, f"{path}: a {type(model).__name__}{what}, which does not know the columns of a table")
    for line in _net(estimator):
        shown.say(console, line)
    if isinstance(estimator, TableEstimator):
        told = f"{estimator._solver}, penalty {_penalty(estimator):g}"
        shown.say(console, f"Training: {estimator.n_iter_} epochs of {told}, loss {estimator.loss_:.4g}")
    if isinstance(model, TableModel):
        _show_report(model.schema.target.task, model.report, console)


def _net(model: MeshNet | LayeredNet | LayeredLearner | Estimator) -> list[str]:
    """Say what a net is: in a line, or a line a block where each is told by its modules."""
    if isinstance(model, LayeredEstimator):
        return [f"Net: {model.layers_}"]
    if isinstance(model, MeshNet | MeshEstimator):
        net = model if isinstance(model, MeshNet) else model.net_
        return [f"Net: {net.extra_repr().removeprefix('Topology: ')}"]
    net = model if isinstance(model, LayeredNet) else model.net
    assert isinstance(net, LayeredNet)  # noqa: S101
    taught = "" if isinstance(model, LayeredNet) else f", taught by {type(model).__name__}"
    ends = "no head" if net.head is None else f"{net.outputs} outputs"
    said = [f"Net: layers from {_size(net.shapes[0])} to {ends}{taught}, {_numbers(net)} numbers learned"]
    for k, (block, shape) in enumerate(zip(net.blocks, net.shapes[1:], strict=True), 1):
        said.append(f"Block {k}: {_modules(block)}, gives {_size(shape)}, {_numbers(block)} numbers learned")
    return said if net.head is None else [*said, f"Head: {_modules(net.head)}, {_numbers(net.head)} numbers learned"]


def _modules(module: nn.Module) -> str:
    return " ".join(map(_modules, module)) if isinstance(module, nn.Sequential) else type(module).__name__.strip("_")


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _numbers(module: nn.Module) -> int:
    return sum(one.numel() for one in module.parameters())


def _penalty(estimator: TableEstimator) -> float:
    return estimator.alpha if isinstance(estimator, LayeredEstimator) else estimator.get_params()["penalty"]


def _show_report(task: str, report: Mapping[str, Any], console: Console) -> None:
    """Print the scores of a report, which anybody can have written, so that only what has the right form is shown."""
    judged, rows = report.get("judged"), report.get("rows")
    lines = []
    for one in judged if isinstance(judged, list) else []:
        found = one.get("scores") if isinstance(one, dict) else None
        if isinstance(found, dict):
            values = [found.get(metric) for metric in METRICS[task]]
            texts = (shown.number(value) if isinstance(value, int | float) else "-" for value in values)
            lines.append((str(one.get("name")), *texts))
    if lines and isinstance(rows, dict):
        counts = f"{rows.get('training')} rows to learn from, {rows.get('held out')} held out, seed {report.get('seed')}"
        shown.say(console, f"Judged on rows held out of {report.get('table')} ({counts}):")
    if lines:
        shown.print_table(console, ("held out", *METRICS[task]), lines, right=True)


def _comment(model: Model) -> str:
    """Name the features in a comment for C; names are escaped as in JSON, stars too, so that none can end the comment."""
    if not isinstance(model, TableModel):
        return ""
    target, *names = (
        json.dumps(name).replace("*", "\\u002a") for name in (model.schema.target.name, *model.schema.feature_names)
    )
    lines = "".join(f" *   in[{k}]  {name}\n" for k, name in enumerate(names))
    return f"/* Predicts {target} from these numbers:\n *\n{lines} */\n"
