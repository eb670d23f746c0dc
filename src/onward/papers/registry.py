"""Everything that can be regenerated, by name."""

from __future__ import annotations

from onward.naming import suggest
from onward.papers.mesh_neural_networks import iris, numerical_test, table_1
from onward.reports.artefact import Artefact

ARTEFACTS = {artefact.name: artefact for artefact in (numerical_test.ARTEFACT, table_1.ARTEFACT, iris.ARTEFACT)}


def find(name: str) -> Artefact:
    """Give the artefact of a name. Unknown names raise `ValueError`."""
    if name not in ARTEFACTS:
        known = ", ".join(ARTEFACTS)
        raise ValueError(f"unknown artefact {name!r}, expected one of {known}{suggest(name, ARTEFACTS)}")
    return ARTEFACTS[name]
