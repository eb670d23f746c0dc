"""The structure that options ask for, refused before training if no small machine could train it."""

from __future__ import annotations

from onward.naming import suggest

SOLVERS = ("lm", "adam", "sgd")
KINDS = ("mesh", "cascade", "layered", "recurrent")
LARGEST = {"lm": 2000, "adam": 50_000, "sgd": 50_000}
"""Most edges by solver: Levenberg-Marquardt solves a dense system of as many unknowns at every step."""


def check_names(solver: str, kind: str) -> None:
    """Refuse an unknown solver or kind with a `ValueError`."""
    for option, value, known in (("--solver", solver, SOLVERS), ("--kind", kind, KINDS)):
        if value not in known:
            raise ValueError(f"{option} is one of {', '.join(known)}, got {value!r}{suggest(value, known)}")


def edges(kind: str, hidden: int, solver: str, *, features: int, outputs: int) -> int:
    """Count the edges that will be trained, without building the graph.

    Raises:
        ValueError: more edges than the solver can train in reasonable time and memory.
    """
    found, most = _edges(kind, hidden, features, outputs), LARGEST[solver]
    if found > most:
        raise ValueError(
            f"--hidden {hidden} makes a {kind} of {found} edges on {features} features, and {solver} trains at most {most}; "
            f"take fewer hidden neurons{' or --solver adam' if solver == 'lm' else ''}"
        )
    return found


def _edges(kind: str, hidden: int, features: int, outputs: int) -> int:
    inputs = features + 1  # the bias
    if kind == "layered":
        return inputs * hidden + (hidden + 1) * outputs if hidden else inputs * outputs
    if kind == "recurrent":
        return hidden * (inputs + hidden) + (hidden + 1) * outputs
    if kind == "cascade":
        return inputs * (hidden + outputs) + hidden * (hidden - 1) // 2 + hidden * outputs
    return (inputs + hidden + outputs) * (hidden + outputs)
