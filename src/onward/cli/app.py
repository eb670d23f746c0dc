"""The verbs: train, predict, compare, show and export for a table; demo, explain, list, run and report for the papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from onward.learners.by_name import RULES
from onward.training.fit import TrainingFailed

MOST = 2**32 - 1  # scikit-learn's largest seed
INPUT_ERROR, TRAINING_FAILED, INTERRUPTED = 2, 1, 130
ALL_OR_NOTHING = ("train", "predict", "compare", "export")  # verbs that write at their end, or not at all
TABLE, PAPERS = "A table of your own", "Topologies and papers"

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Neural networks trained without backpropagation.",
)  # fmt: skip
console = Console()

ResultsFolder = Annotated[
    Path, typer.Option("--results", help="Folder of the stored results.", envvar="ONWARD_RESULTS", show_default=True)
]


DataFile = Annotated[Path, typer.Argument(metavar="DATA.csv", help="A table with a header, as CSV in UTF-8.")]
ModelFile = Annotated[Path, typer.Argument(metavar="MODEL.onward", help="What `onward train` or `onward.save` wrote.")]
Target = Annotated[str, typer.Option(metavar="COLUMN", help="What is to be predicted.", show_default=False)]
Task = Annotated[
    str | None, typer.Option(metavar="classification|regression", help="Recognised from the target if left out.")
]
Drop = Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="Leave a column out; may be repeated.")]
Missing = Annotated[str, typer.Option(metavar="impute|refuse", help="What becomes of missing values.")]
Hidden = Annotated[int, typer.Option(help="Hidden neurons.", min=0)]
Layers = Annotated[
    str | None,
    typer.Option(metavar="64,64", help="Neurons of the blocks that rules teach, also as 64*3; 64,64 if left out."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]


def run(arguments: Sequence[str]) -> int:
    """Run one command; give its exit code."""
    try:
        code = typer.main.get_command(app).main(list(arguments), prog_name="onward", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except TrainingFailed as failure:
        _complain(str(failure))
        return TRAINING_FAILED
    except (ValueError, OSError) as mistake:
        _complain(str(mistake))
        return INPUT_ERROR
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # click's own: unknown verbs and flags
            _complain(error.format_message())  # pyright: ignore[reportAttributeAccessIssue]
            return INPUT_ERROR
        raise
    if code == INTERRUPTED:  # the command-line library turns an interruption into this code itself
        _complain(
            "stopped; nothing was written" if arguments[0] in ALL_OR_NOTHING else "stopped; what was finished is stored"
        )
    return code if isinstance(code, int) else 0


@app.command(rich_help_panel=TABLE)
def train(
    data: DataFile,
    target: Target,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="MODEL.onward", help="The model file; if left out, DATA.onward here.")
    ] = None,
    solver: Annotated[str, typer.Option(metavar="lm|adam|sgd", help="Levenberg-Marquardt, Adam or SGD.")] = "lm",
    hidden: Hidden = 10,
    ticks: Annotated[int | None, typer.Option(help="Updates; if left out, as many as the kind needs.", min=1)] = None,
    kind: Annotated[str, typer.Option(metavar="mesh|cascade|layered|recurrent", help="Family of the graph.")] = "mesh",
    task: Task = None,
    drop: Drop = None,
    missing: Missing = "impute",
    held_out: Annotated[float, typer.Option(help="Part of the rows that is held out to judge on.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Of the rows held out and of the first weights.", min=0)] = 0,
    starts: Annotated[int, typer.Option(help="Nets trained, of which the one of the lowest loss is kept.", min=1)] = 1,
    penalty: Annotated[
        float | None,
        typer.Option(
            help="c of c/2 |w|^2, added to the mean loss; if left out, chosen by folds of the training rows.", min=0
        ),
    ] = None,
    no_rivals: Annotated[bool, typer.Option("--no-rivals", help="Do not train the rivals beside it.")] = False,
    export: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Also write .c, .onnx, .json, .pt2, .graphml or a drawing; may be repeated."),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(metavar="RULE", help=f"Train a layered net by a rule instead of a mesh: {', '.join(RULES)}."),
    ] = None,
    layers: Layers = None,
    force: Force = False,
) -> None:
    """Train a mesh, or layers by any rule, on a table, judge it beside its rivals on rows held out, and write it as one file."""
    from onward.cli import tables

    asked = tables.Training(
        data, target, to, solver, hidden, ticks, kind, task, drop or (), missing, held_out, seed, starts, penalty,
        with_rivals=not no_rivals, exports=export or (), force=force, rule=rule, layers=layers,
    )  # fmt: skip
    tables.train(asked, console)


@app.command(rich_help_panel=TABLE)
def predict(
    model: ModelFile,
    data: DataFile,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE.csv", help="Where to; if left out, the standard output.")
    ] = None,
    unknown: Annotated[
        str, typer.Option(metavar="refuse|ignore", help="What becomes of texts that training did not see.")
    ] = "refuse",
    force: Force = False,
) -> None:
    """Predict the rows of a table, as CSV; if the table holds the target, also say how well on the standard error."""
    from onward.cli import tables

    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    tables.predict(model, data, to, unknown=unknown, force=force, notes=notes)


@app.command(rich_help_panel=TABLE)
def compare(
    data: DataFile,
    target: Target,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Folder of the page.")] = Path("onward-compare"),
    splits: Annotated[int, typer.Option(help="How many times rows are held out anew.", min=1)] = 5,
    seed: Annotated[int, typer.Option(help="Of the first split; the others count on from it.", min=0)] = 0,
    hidden: Hidden = 10,
    task: Task = None,
    drop: Drop = None,
    missing: Missing = "impute",
    rule: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help=f"Also a layered net taught so: {', '.join(RULES)}; may be repeated."),
    ] = None,
    layers: Layers = None,
    force: Force = False,
) -> None:
    """Tune meshes, layered nets by any rule and their rivals on a table, all alike, and write a page about it."""
    from onward.cli import comparing

    asked = comparing.Comparison(
        data, target, to, splits, seed, hidden, task, drop or (), missing, force, rule or (), layers
    )
    comparing.compare(asked, console)


@app.command(rich_help_panel=TABLE)
def show(model: ModelFile) -> None:
    """Say what a model file predicts, from which columns, and how well it did on rows held out."""
    from onward.cli import exporting

    exporting.show(model, console)


@app.command(rich_help_panel=TABLE)
def export(
    model: ModelFile,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Its suffix says how: .onnx .pt2, and of a mesh .c .json .graphml .svg .png .pdf"
        ),
    ],
    force: Force = False,
) -> None:
    """Write the net of a model in another form, and say which numbers go in and which come out."""
    from onward.cli import exporting

    exporting.export(model, file, force=force, console=console)


@app.command(rich_help_panel=PAPERS)
def demo(
    to: Annotated[Path, typer.Option("--to", help="Folder of the page.")] = Path("onward-demo"),
    seed: Annotated[int, typer.Option(help="Seed of data, weights and order.", min=0, max=MOST)] = 0,
) -> None:
    """Train meshes forward-only and a perceptron block by block, check and compare them, and write a page about it."""
    from onward.cli.demo import demonstrate

    path = demonstrate(to, seed, console)
    console.print(f"A page with decision regions, curves and the nets: [bold]{path.resolve()}[/bold]", soft_wrap=True)


@app.command(rich_help_panel=PAPERS)
def explain(
    topology: Annotated[
        str,
        typer.Argument(
            help="A mesh as KIND:SIZES (features, hidden, outputs; a bias is added): mesh:2-5-2, layered:784-100-10, cascade:2-7-1, recurrent:3-10-2, "
            "random:32-50-10@0.15 (its density), lattice:784-100x100-10 (rows x columns, no bias) or a small world, lattice:784-100x100-10@0.1 (part of its edges rewired); "
            "or a file with an adjacency matrix or graph (.csv, .npy, .npz of SciPy, .graphml); or a layered net, mlp:784-1000-1000-10, mlp:784-3400*60-10 (60 of 3400) or cnn:3x32x32-64-128-10."
        ),
    ],
    ticks: Annotated[
        int | None, typer.Option(help="Of a mesh: updates before the outputs are read, 3 if left out.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Examples a gradient or step, for the costs.")] = 32,
    inputs: Annotated[str, typer.Option(help="Of a file: positions of the inputs, as 0,1,2 or 0-2.")] = "",
    outputs: Annotated[str, typer.Option(help="Of a file: positions of the outputs.")] = "",
    bias: Annotated[str, typer.Option(help="Of a file: position of the constant input.")] = "",
    no_bias: Annotated[bool, typer.Option("--no-bias", help="Of a kind: leave the bias out.")] = False,
    free: Annotated[
        bool,
        typer.Option(
            "--free",
            help="Of a file: inputs are given once, as the first activity of free neurons, not at every tick (the paper's equation 3).",
        ),
    ] = False,
    activation: Annotated[
        str | None, typer.Option(help="Of all neurons of a mesh, relu if left out; it decides which edges can matter.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of a random mesh or a lattice: seed of its draw, 0 if left out.")
    ] = None,
    draw: Annotated[Path | None, typer.Option(help="Draw the graph into this file (.svg, .png, .pdf).")] = None,
    optimiser: Annotated[str | None, typer.Option(help="Of a layered net: adam, also if left out, or sgd.")] = None,
    products: Annotated[str | None, typer.Option(help="Of a layered net: float32, also if left out, or bfloat16.")] = None,
    budget: Annotated[
        str,
        typer.Option(
            help="Of a mesh: bytes that a gradient may carry at a time, as 500MB or 2GB; it is cut into parts to fit."
        ),
    ] = "",
    threads: Annotated[
        int | None,
        typer.Option(
            help="Of a mesh: parts of a gradient that are made at the same time, 1 if left out; of a layered net: threads of PyTorch."
        ),
    ] = None,
) -> None:
    """Say what a mesh is, what a gradient of it takes by each engine, which is chosen and why, and whether memory holds it; of a layered net, what a step takes by each rule."""
    from onward.cli import nets, topologies, words

    if topology.partition(":")[0] in words.LAYERED and not Path(topology).exists():
        of_meshes = {
            "ticks": ticks, "inputs": inputs, "outputs": outputs, "bias": bias, "free": free, "activation": activation,
            "seed": seed, "draw": draw, "budget": budget,
        }  # fmt: skip
        _refuse(of_meshes, f"is for meshes; {topology!r} is a layered net")
        net = nets.parse(topology, bias=not no_bias)
        nets.explain(net, batch, optimiser or "adam", products or "float32", console, threads)
        return
    kind = " in layers" if topology.startswith("layered:") else ""
    of_layers = {"optimiser": optimiser, "products": products}
    _refuse(of_layers, f"is for layered nets, as mlp:784-1000-10; {topology!r} is a mesh{kind}")
    if draw is not None:
        topologies.check_drawing(draw)
    if ":" in topology and not Path(topology).exists():
        for option, given in (("--inputs", inputs), ("--outputs", outputs), ("--bias", bias), ("--free", free)):
            if given:
                raise ValueError(f"{option} is for files; {topology!r} says itself what its neurons are")
        found = words.parse(topology, bias=not no_bias).make(seed or 0)
    else:
        if no_bias:
            raise ValueError(
                "--no-bias is for kinds like mesh:2-5-2; of a file, --bias names the constant input if it has one"
            )
        found = topologies.read(Path(topology), inputs, outputs, bias, clamped=not free)
    topologies.explain(
        found,
        3 if ticks is None else ticks,
        batch,
        activation or "relu",
        console,
        budget=topologies.size(budget),
        threads=1 if threads is None else threads,
    )
    if draw is not None:
        topologies.draw(found, draw)
        console.print(f"Drawn: {draw}")


@app.command(rich_help_panel=PAPERS)
def data(
    fetch: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Fetch this one into the cache; may be repeated.")
    ] = None,
) -> None:
    """List the data sets of the papers, where they are, and how those that are not here are got."""
    from onward.cli import data as sets

    if fetch:
        sets.fetch(fetch, console)
    else:
        sets.show(console)


@app.command("list", rich_help_panel=PAPERS)
def list_(results: ResultsFolder = Path("results")) -> None:
    """List what can be regenerated, and how much of it is stored."""
    from onward.cli import papers

    papers.show(results, console)


@app.command("run", rich_help_panel=PAPERS)
def run_(
    name: Annotated[
        str,
        typer.Argument(
            help="A name of `onward list`, an experiment (as mnn/table-1/sound/mesh-05) or the start of its name, or all."
        ),
    ],
    seeds: Annotated[
        int | None, typer.Option(help="How many seeds of each experiment; those declared if left out.", min=1)
    ] = None,
    results: ResultsFolder = Path("results"),
) -> None:
    """Run what is missing of some experiments; stop at any time, and go on with the same command."""
    from onward.cli import papers

    papers.run(name, seeds, results, console)


@app.command(rich_help_panel=PAPERS)
def report(
    name: Annotated[str, typer.Argument(help="A name of `onward list`, or all.")] = "all",
    to: Annotated[Path, typer.Option("--to", help="Folder of the pages.")] = Path("reports"),
    results: ResultsFolder = Path("results"),
) -> None:
    """Show stored results as Markdown and as self-contained HTML: paper, ours with its interval, difference."""
    from onward.cli import papers

    papers.report(name, to, results, console)


def _refuse(given: Mapping[str, object], why: str) -> None:
    """Refuse options that are given but say nothing of what they are given with."""
    for option, value in given.items():
        if value is not None and value != "" and value is not False:
            raise ValueError(f"--{option} {why}")


def _complain(sentence: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(f"onward: {sentence}", markup=False)
