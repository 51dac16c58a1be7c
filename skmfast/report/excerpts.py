"""Bytes of a document as text that is safe and true to show: nothing in it can act, hide or turn around."""

from __future__ import annotations

import unicodedata
from html import escape

_LINE = 16
# Above this share of control characters, bytes are no text, even where they are valid UTF-8.
_MOST_CONTROLS = 0.02
_PLAIN_CONTROLS = "\t\n\r\f"


def decoded(data: bytes) -> str | None:
    """The text that ``data`` begins with, or None where it is not text.

    A character that the end cuts in two is left out.

    Examples
    --------
    >>> decoded("naïve".encode()[:3]), decoded(b"\\x00\\x01\\xff")
    ('na', None)
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if error.start < len(data) - 3 or error.reason != "unexpected end of data":
            return None
        text = data[: error.start].decode()
    controls = sum(unicodedata.category(each) == "Cc" and each not in _PLAIN_CONTROLS for each in text)
    return text if controls <= _MOST_CONTROLS * len(text) else None


def _whole_characters(data: bytes) -> bytes:
    """``data`` without the rest of a character that was cut off before it."""
    start = 0
    while start < min(len(data), 3) and data[start] >> 6 == 0b10:
        start += 1
    return data[start:]


def visible(text: str) -> str:
    """``text`` with every invisible or direction-changing character spelt out.

    Examples
    --------
    >>> visible("a\\u202eb\\x07")
    'a⟨202e⟩b⟨7⟩'
    """
    return "".join(each if each in "\n\t" or _shows(each) else f"⟨{ord(each):x}⟩" for each in text)


def _shows(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def hexadecimal(data: bytes) -> str:
    """``data`` in rows of 16: as numbers, and as characters where they are ASCII.

    Examples
    --------
    >>> hexadecimal(b"AB\\x00")
    '41 42 00                                        AB.'
    """
    rows = []
    for start in range(0, len(data), _LINE):
        row = data[start : start + _LINE]
        shown = "".join(chr(each) if 32 <= each < 127 else "." for each in row)
        rows.append(f"{row.hex(' '):<{3 * _LINE}}{shown}")
    return "\n".join(rows)


def excerpt_html(data: bytes, most_lines: int = 7) -> str:
    """Some bytes of a document as an element of the page: text, or hexadecimal where they are none.

    Examples
    --------
    >>> excerpt_html(b"<script>alert(1)</script>")
    '<pre class="excerpt" dir="auto">&lt;script&gt;alert(1)&lt;/script&gt;</pre>'
    """
    text = decoded(_whole_characters(data))
    if text is None:
        return f'<pre class="excerpt hex">{escape(hexadecimal(data[: _LINE * most_lines]))}</pre>'
    lines = visible(text.replace("\r\n", "\n").replace("\r", "\n")).strip("\n").split("\n")
    # Blank lines take room and say little.
    lines = [line.rstrip() for line in lines if line.strip()][:most_lines]
    return f'<pre class="excerpt" dir="auto">{escape(chr(10).join(lines))}</pre>'


def context_html(data: bytes) -> str:
    """The bytes before a place, on one line, with blanks that can be seen.

    Examples
    --------
    >>> context_html(b"of the "), context_html(b"\\xff\\x00")
    ('<code class="context">of\u2423the\u2423</code>', '<code class="context hex">ff 00</code>')
    >>> context_html(b"")
    '<i>anything</i>'
    """
    if not data:
        return "<i>anything</i>"
    text = decoded(_whole_characters(data))
    if not text:
        return f'<code class="context hex">{data.hex(" ")}</code>'
    shown = visible(
        text.replace("\r", "").replace(" ", "\u2423").replace("\t", "\u21e5").replace("\n", "\u21b5")
    )
    return f'<code class="context">{escape(shown)}</code>'


def name_html(name: str) -> str:
    """A file's name, on one line and in its own direction.

    Examples
    --------
    >>> name_html("a<b>.txt")
    '<bdi class="name">a&lt;b&gt;.txt</bdi>'
    """
    return f'<bdi class="name">{escape(visible(name).replace(chr(10), " "))}</bdi>'
