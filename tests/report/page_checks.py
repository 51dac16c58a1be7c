"""What any page of a report must be: well-formed, self-contained, labelled, drawn from tables that exist."""

import re
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "input", "link", "wbr", "col", "source"}
# SVG elements that close themselves.
SHAPES = {"path", "rect", "circle", "line"}
LOADING = {"src", "href", "xlink:href", "action", "data", "poster", "srcset", "formaction", "background"}
FORBIDDEN = {"script", "iframe", "object", "embed", "link", "base", "form", "image", "use", "foreignobject"}


class Page(HTMLParser):
    """A page taken apart; `problems` says what is wrong with it."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.problems = []
        self.tables = set()
        self.figures = 0
        self.words = []
        self.quotes = []
        self._open = []
        self._ids = set()
        self._links = []
        if not text.startswith("<!doctype html>"):
            self.problems.append("no doctype")
        self.feed(text)
        self.close()
        if self._open:
            self.problems.append(f"never closed: {self._open}")
        self.problems += [f"link to nowhere: {link}" for link in self._links if link not in self._ids]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag not in VOID and tag not in SHAPES:
            self._open.append(tag)
        if tag in FORBIDDEN:
            self.problems.append(f"<{tag}>")
        for name, value in attributes.items():
            if name.startswith("on") or "url(" in (value or "") or "javascript:" in (value or "").lower():
                self.problems.append(f"{tag} {name}={value!r}")
            if name in LOADING:
                if value.startswith("#"):
                    self._links.append(value[1:])
                elif tag == "img" and value.startswith("data:image/"):
                    pass  # within the page
                else:
                    self.problems.append(f"{tag} loads {value!r}")
        if "id" in attributes:
            if attributes["id"] in self._ids:
                self.problems.append(f"id twice: {attributes['id']}")
            self._ids.add(attributes["id"])
        if "data-table" in attributes:
            self.tables |= set(attributes["data-table"].split())
        if tag == "figure":
            self.figures += 1
            if not attributes.get("data-table"):
                self.problems.append("a figure of no table")
        if tag == "svg":
            hidden = attributes.get("aria-hidden") == "true"
            labelled = attributes.get("role") == "img" and len(attributes.get("aria-label", "")) > 15
            if not (hidden or labelled):
                self.problems.append("an svg without a label")
        if tag == "img" and not attributes.get("alt"):
            self.problems.append("an image without a label")
        for number in re.findall(r"nan|inf", attributes.get("d", "") + attributes.get("points", "")):
            self.problems.append(f"{number} in a path")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID and tag not in SHAPES:
            self._open.pop()

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"</{tag}> closes something else")

    def handle_data(self, data):
        if self._open and self._open[-1] == "style":
            if re.search(r"url\(|@import|@font-face", data):
                self.problems.append("the style loads something")
            return
        self.words.append(data)
        if self._open and self._open[-1] == "pre":
            self.quotes.append(data)
