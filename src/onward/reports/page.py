"""Elements as Markdown with pictures beside it, or as one self-contained HTML page."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Sequence
from pathlib import Path

from onward.reports.artefact import Element, Film, Picture, Table, Text

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, sans-serif; color: #1c2430; max-width: 60rem; margin: 2.5rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.25rem; margin-top: 2.4rem; }
p.source { color: #5b6673; margin-top: -0.6rem; }
figure { margin: 1.6rem 0; } figure img { max-width: 100%; }
figcaption, caption { color: #45505c; font-size: 0.92rem; text-align: left; caption-side: top; padding: 0.3rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1.2rem 0; font-variant-numeric: tabular-nums; font-size: 0.94rem; }
th, td { padding: 0.32rem 0.8rem; border-bottom: 1px solid #dfe4ea; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } thead th { border-bottom: 2px solid #1c2430; }
code { background: #f2f4f7; padding: 0.1rem 0.3rem; border-radius: 3px; }
"""


def to_markdown(title: str, source: str, elements: Sequence[Element], folder: Path, stem: str) -> Path:
    """Write `stem.md` into a folder, its pictures as PNG and its films as WebP files beside it; give its path."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"# {title}", "", source, ""]
    pictures = 0
    for element in elements:
        match element:
            case Table():
                lines += [element.caption, "", *_markdown_rows(element), ""]
            case Text():
                lines += [element.words, ""]
            case Picture() | Film():
                pictures += 1
                name = f"{stem}-{pictures}." + ("webp" if isinstance(element, Film) else "png")
                (folder / name).write_bytes(element.webp if isinstance(element, Film) else _png(element))
                lines += [f"![{element.caption}]({name})", "", f"*{element.caption}*", ""]
    path = folder / f"{stem}.md"
    path.write_text("\n".join(lines).rstrip() + "\n")
    return path


def to_html(title: str, source: str, elements: Sequence[Element], path: Path) -> Path:
    """Write one HTML page that needs no other file; give its path."""
    parts = []
    for element in elements:
        match element:
            case Table():
                parts.append(_html_table(element))
            case Text():
                parts.append(_html_text(element.words))
            case Picture():
                data = base64.b64encode(_png(element)).decode()
                caption = html.escape(element.caption)
                width = round(element.figure.get_figwidth() * 96)
                image = f'<img width="{width}" alt="{caption}" src="data:image/png;base64,{data}">'
                parts.append(f"<figure>{image}<figcaption>{caption}</figcaption></figure>")
            case Film():
                data = base64.b64encode(element.webp).decode()
                caption = html.escape(element.caption)
                image = f'<img alt="{caption}" src="data:image/webp;base64,{data}">'
                parts.append(f"<figure>{image}<figcaption>{caption}</figcaption></figure>")
    page = (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{html.escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n<h1>{html.escape(title)}</h1>\n"
        f'<p class="source">{_inline(source)}</p>\n' + "\n".join(parts) + "\n</html>\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page)
    return path


def _png(picture: Picture) -> bytes:
    buffer = io.BytesIO()
    picture.figure.savefig(buffer, format="png", dpi=144, metadata={"Software": None})
    return buffer.getvalue()


def _markdown_rows(table: Table) -> list[str]:
    rule = ["---", *["---:"] * (len(table.header) - 1)]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in (table.header, rule, *table.rows)]


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{_inline(cell)}</th>" for cell in table.header)
    body = "".join("<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in row) + "</tr>\n" for row in table.rows)
    caption = f"<caption>{_inline(table.caption)}</caption>"
    return f'<div class="wide"><table>{caption}<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def _html_text(words: str) -> str:
    if words.startswith("## "):
        return f"<h2>{_inline(words[3:])}</h2>"
    return f"<p>{_inline(words)}</p>"


def _inline(words: str) -> str:
    """Markdown's `code`, **bold** and *emphasis*, and nothing else."""
    text = html.escape(words)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"\*([^*\s][^*]*)\*", r"<em>\1</em>", text)
