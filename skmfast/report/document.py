"""An HTML page: one file with its style inside, no scripts, and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from skmfast.report.excerpts import visible

_STYLE = Path(__file__).with_name("page.css")
# Even if something in the data got through, a browser would neither run nor fetch it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def document(
    title: str,
    lead: str,
    sections: Sequence[tuple[str, str]],
    footer: str,
    *,
    images: bool = False,
) -> str:
    """The page as text.

    Parameters
    ----------
    title : str
        Its heading; escaped here, as the sections' titles are.
    lead : str
        HTML below the heading.
    sections : sequence of (title, html)
    footer : str
        HTML.
    images : bool
        Whether it has images, which are then within it.
    """
    heading = escape(visible(title))
    body = "".join(
        f'<section id="s{number}"><h2>{escape(name)}</h2>{html}</section>'
        for number, (name, html) in enumerate(sections, 1)
    )
    links = "".join(
        f'<a href="#s{number}">{escape(name)}</a>' for number, (name, _) in enumerate(sections, 1)
    )
    policy = f"{_POLICY}; img-src data:" if images else _POLICY
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{heading}</title>\n<style>\n{_STYLE.read_text()}</style>\n</head>\n<body>\n"
        f'<header><h1>{heading}</h1>{lead}<nav aria-label="Sections">{links}</nav></header>\n'
        f"<main>{body}</main>\n<footer>{footer}</footer>\n</body>\n</html>\n"
    )
