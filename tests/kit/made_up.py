"""Values that hypothesis makes up: those that the checks take, and any at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import hypothesis
from hypothesis import strategies as st

from provision.model import checks
from provision.model.platforms import images
from provision.model.ranges import RANGES
from provision.model.target import SCHEMA, Target
from provision.model.urls import MIRRORS

_PHASES = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
SOME = hypothesis.settings(max_examples=hypothesis.settings().max_examples // 4, phases=_PHASES)
FEW = hypothesis.settings(max_examples=max(2, hypothesis.settings().max_examples // 15), phases=_PHASES)
"""For properties whose every example takes long; nightly more of them, as of all. None is made smaller: it would take
hours."""

PREFIXES = {
    "git": "https://github.com/",
    "apt": "http://archive.ubuntu.com/ubuntu/",
    "pip": "https://pypi.org/simple",
    "conda": "https://conda.anaconda.org",
    "download": "https://",
}
"""What recipes take from mirrors of each kind."""
_SIGNS = "az09AZ._-/:@%+~"
"""What the checks take, and what one of them takes and another does not."""
_EVIL = " \n\t\0\r\x1b'\"`$(){}[]<>|&;*?!#\\=,^\u202e\u0660é"
odd_text = st.text(st.sampled_from(_SIGNS + _EVIL), max_size=12) | st.text(max_size=8)
"""Mostly what means something to a shell, a unit, a path or a terminal."""
odd_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | odd_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_text, inner, max_size=3),
    max_leaves=8,
)
"""Anything that JSON can say."""


def said(words: Sequence[str]) -> None:
    """See that a refusal says something."""
    assert words
    assert all(words)


def printable(words: Sequence[str]) -> None:
    """See that a refusal says something, and nothing that a terminal obeys."""
    said(words)
    assert all(word.isprintable() for word in words)


def good(holds: Callable[[str], bool], pattern: str) -> st.SearchStrategy[str]:
    """Return text like a pattern, often with a sign of any kind in it, that a check takes."""
    plain = st.from_regex(pattern, fullmatch=True)
    signs = st.tuples(plain, st.integers(1, 12), st.sampled_from(_SIGNS + _EVIL))
    return (plain | signs.map(lambda made: made[0][: made[1]] + made[2] + made[0][made[1] :])).filter(holds)


users = good(checks.USER.holds, r"[A-Za-z_][A-Za-z0-9_.-]{0,20}")
mount_points = good(
    checks.MOUNT_POINT.holds, r"/(data|jobs|mnt|srv|[A-Za-z0-9]{1,8})(/[A-Za-z0-9][A-Za-z0-9._-]{0,12}){0,3}"
)
addresses = good(
    lambda address: all(MIRRORS[kind].holds({address: address}) for kind in PREFIXES),
    r"(https|http|file)://[A-Za-z0-9._~%+:/-]{1,30}/",
)
images_of_containers = st.from_regex(
    r"[a-z0-9][a-z0-9.-]{0,20}(:[0-9]{2,5})?/([a-z0-9][a-z0-9._-]{0,9}/)?", fullmatch=True
)
four = st.ip_addresses(v=4).map(str)
ranges = st.lists(four | st.ip_addresses(v=6).map(lambda address: f"{address}/128"), min_size=1, max_size=3).filter(
    RANGES.holds
)


@st.composite
def mirrors(draw: st.DrawFn) -> dict[str, dict[str, str]]:
    """Return mirrors of all kinds, for what recipes take from there."""
    made = {kind: {prefix: draw(addresses)} for kind, prefix in PREFIXES.items()}
    made["oci"] = {"nvcr.io/nvidia/": draw(images_of_containers)}
    return made


@st.composite
def targets(draw: st.DrawFn) -> Target:
    """Return a target in which each value that a person chooses is made up."""
    table = draw(mirrors())
    assert all(MIRRORS[kind].holds(table[kind]) for kind in table)
    document = {
        "image": "ubuntu-22.04",
        "user": draw(users),
        "mount_point": draw(mount_points),
        "volume_id": draw(st.sampled_from(["", "vol-0123456789abcdef0"])),
        "mirrors": table,
        "allow": draw(ranges),
        "ui_port": draw(st.integers(1, 65535)),
        "peers": draw(st.lists(st.ip_addresses().map(str), max_size=2)),
        "busy_probe": draw(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)),
        "before_stop": draw(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)),
        "idle_stop_minutes": draw(st.integers(0, 10080)),
        "lifetime_hours": draw(st.integers(0, 8760)),
    }
    assert document["image"] in images()
    assert document.keys() <= SCHEMA.keys()
    return Target.from_document(document)
