"""Every link of every page leads to something that is in the tree, and every anchor to a heading; offline."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from tests.kit.fab import ROOT

_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]]+\]:\s*<?(\S+?)>?\s*$", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
_NAMED = re.compile(r"<a\s+(?:id|name)=\"([^\"]+)\"")


@functools.cache
def tree() -> frozenset[str]:
    """Return all files that git has or would take, and their folders: by their very names, upper and lower case."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    said = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [name for name in said.split("\0") if name and (ROOT / name).exists()]
    return frozenset(names) | {str(folder) for name in names for folder in PurePosixPath(name).parents}


def without_blocks(text: str) -> str:
    """Return a page without what it shows as it is: no link is one there, and no heading."""
    return re.sub(r"(?ms)^(```|~~~).*?^\1[ \t]*$", "", text)


def links(text: str) -> list[str]:
    """Return where the links and pictures of a page lead."""
    prose = _CODE.sub("``", without_blocks(text))
    return [first or second for first, second in _LINK.findall(prose)]


def anchors(text: str) -> set[str]:
    """Return the names by which links reach the headings of a page, as GitHub makes them."""
    found: dict[str, int] = {}
    for heading in _HEADING.findall(without_blocks(text)):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        name = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
        if found[name]:
            found[f"{name}-{found[name]}"] = 0
    return {*found, *_NAMED.findall(text)}


def broken(page: str) -> list[str]:
    """Return the links of a page of the tree that lead nowhere."""
    text = (ROOT / page).read_text(encoding="utf-8")
    gone = []
    for link in links(text):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        path, _, anchor = link.partition("#")
        above = PurePosixPath(page).parent
        goal = _resolved(above / path) if path else page
        if goal not in tree():
            gone.append(link)
        elif anchor and anchor not in anchors((ROOT / goal).read_text(encoding="utf-8")):
            gone.append(f"{link}: no such heading")
    return gone


def _resolved(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or "."


@pytest.mark.parametrize("page", sorted(name for name in tree() if name.endswith(".md")))
def test_every_link_leads_somewhere(page: str) -> None:
    assert not broken(page)


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "# One `two`, three\n## A\n## A\n[1](page.md#one-two-three) [2](#a-1) [3](#a-2)\n"
    text += "[4](Page.md) [5](../x) `[6](x)`\n"
    text += "```\n[7](x)\n# seven\n```\n[8](#seven) [9](https://example.com/#x) ![10](gone.png)\n[11]: away.md\n"
    (tmp_path / "page.md").write_text(text)
    monkeypatch.setattr("tests.release.test_links.ROOT", tmp_path)
    monkeypatch.setattr("tests.release.test_links.tree", lambda: {"page.md"})
    lost = ["#a-2: no such heading", "Page.md", "../x", "#seven: no such heading", "gone.png", "away.md"]
    assert broken("page.md") == lost
