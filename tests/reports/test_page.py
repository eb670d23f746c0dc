"""Pages are self-contained, and say nothing that was not written."""

from pathlib import Path

from matplotlib.figure import Figure

from onward.reports import page
from onward.reports.artefact import Picture, Table, Text


def elements() -> list:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1])
    return [
        Text("## Part"),
        Text("With `code`, **weight** and <tags> & more."),
        Table("A | table", ["name", "value"], [["a|b", "1 < 2"]]),
        Picture("A line", figure),
    ]


def test_html_is_one_file_and_escaped(tmp_path: Path) -> None:
    text = page.to_html("Title <1>", "`onward run x`", elements(), tmp_path / "deep" / "page.html").read_text()
    assert "<title>Title &lt;1&gt;</title>" in text
    assert "<h2>Part</h2>" in text
    assert "<code>code</code>, <strong>weight</strong> and &lt;tags&gt; &amp; more." in text
    assert "<td>1 &lt; 2</td>" in text
    assert 'src="data:image/png;base64,' in text
    assert "http" not in text
    assert list(tmp_path.rglob("*.*")) == [tmp_path / "deep" / "page.html"]


def test_markdown_has_its_pictures_beside_it(tmp_path: Path) -> None:
    path = page.to_markdown("Title", "source", elements(), tmp_path, "stem")
    text = path.read_text()
    assert "| a\\|b | 1 < 2 |" in text
    assert "![A line](stem-1.png)" in text
    assert (tmp_path / "stem-1.png").read_bytes().startswith(b"\x89PNG")
