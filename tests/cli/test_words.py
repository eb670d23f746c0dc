"""A word is counted before its graph is made: as many edges as the graph will have, and a refusal where memory cannot hold it."""

import pytest

from onward.cli import words

WORDS = [
    "mesh:2-5-2", "mesh:3-0-2", "layered:4-8-6-3", "layered:4-3", "cascade:3-7-2", "cascade:3-0-1", "recurrent:3-10-2",
    "random:6-11-3@0.15", "random:6-11-3@0", "random:5-9-2@1", "lattice:6-4x5-3", "lattice:6-4x5-3@0.3",
]  # fmt: skip
FAR_TOO_LARGE = "mesh:784-100000-10"


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("text", WORDS)
def test_edges_are_counted_as_they_are_made(text: str, bias: bool) -> None:
    word = words.parse(text, bias=bias)
    topology = word.make(0)
    assert word.edges == topology.edges
    assert word.inside == topology.hidden
    assert word.making >= words.MAKING * topology.edges


@pytest.mark.parametrize(
    ("text", "room", "sentence"),
    [
        (
            FAR_TOO_LARGE,
            12 * 10**9,
            ("'mesh:784-100000-10' has 10,080,507,950 edges, and making its graph takes about 1.61 TB, and 12 GB are free here; "
            "a lattice (lattice:784-316x317-10) or a small world (lattice:784-316x317-10@0.1) of about as many neurons has 1,001,720 edges"),
        ),
        (FAR_TOO_LARGE, 10**6, "and 1 MB are free here; take fewer neurons"),
        (FAR_TOO_LARGE, None, "takes about 1.61 TB, more than the 160 GB that are tried; a lattice"),
        ("lattice:784-100000x100000-10", 12 * 10**9, "has 100,000,000,000 edges, .* take fewer neurons"),
        ("random:784-100000-10@0.2", 12 * 10**9, "making its graph takes about 4.. GB, and 12 GB are free here; a lattice"),
        ("cascade:3-100000-2", 10**12, "has 5,000,550,008 edges, and making its graph takes about 1.6 TB"),
    ],
)  # fmt: skip
def test_a_graph_that_memory_cannot_hold_is_refused_before_it_is_made(
    text: str, room: int | None, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mesh", "lattice", "random", "cascade"):
        monkeypatch.setattr(words.graphs, name, lambda *_, **__: pytest.fail("made"))
    monkeypatch.setattr(words, "available", lambda: room)
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        words.parse(text, bias=True).make(0)


def test_few_edges_of_many_pairs_are_drawn_without_laying_the_pairs_out() -> None:
    few, many = (words.parse(f"random:784-100000-10@{density}", bias=True) for density in ("0.0001", "0.2"))
    assert few.making == words.MAKING * few.edges + 8 * 100_000 * 10  # hidden-output is small enough to be permuted whole
    assert many.making == words.MAKING * many.edges + 8 * 100_000**2


def test_sizes_that_could_not_be_counted_are_refused() -> None:
    for text in ("mesh:2-1000000001-2", "lattice:2-3x1000000001-2", f"layered:2-3-{10**400}"):
        with pytest.raises(ValueError, match="sizes go up to 1,000,000,000, got"):
            words.parse(text, bias=True)
    with pytest.raises(ValueError, match="the density of a random mesh must be between 0 and 1, got nan"):
        words.parse("random:2-5-2@nan", bias=True)
