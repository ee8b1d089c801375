"""A page as a browser reads it: its elements, and the lines of `fab timeline`."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "input", "link", "br", "img"}


class Element:
    """An element of a page with what is in it."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Element | str] = []

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """Return the elements below of a kind; of `class`, one word has to be there."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                wanted = {key.strip("_"): value for key, value in attributes.items()}
                fits = all(value in (child.attributes.get(key) or "").split() for key, value in wanted.items())
                found += [child] if fits and tag in ("", child.tag) else []
                found += child.all(tag, **attributes)
        return found


class Reader(HTMLParser):
    """Reads a page; fails where an end tag has no beginning."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack = [Element("", {})]
        self.feed(text)
        self.close()
        assert len(self.stack) == 1, [element.tag for element in self.stack]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {key: value or "" for key, value in attrs})
        self.stack[-1].children.append(element)
        if tag not in VOID:
            self.stack.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.stack[-1].children.append(data)


def rows(page: Element) -> dict[str, str]:
    """Return of each line its state, by its name."""
    return {row.all(_class="name")[0].text.strip(): row.all(_class="state")[0].text for row in page.all("li")}
