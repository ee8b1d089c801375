"""What recipes do on the job volume, whose folders are the account's, they do as that account."""

from __future__ import annotations

import re
from collections.abc import Iterator

from provision.catalogue.folders import TEMPLATES

PLACE = re.compile(r"\{\{ target\.mount_point[^}]*\}\}/\w")
CHANGES = re.compile(r"^Exec\w+=(\S*/)?(install|chown|chmod|mkdir|touch|cp|mv|rm|ln|tee|sh|bash)\b")
ALWAYS_ROOT = re.compile(r"^Exec\w+=[-@:]*[+!]")
# What only looks, and the one line that may change something: no link stops or leads it.
LOOKS = ("export ", "[[ ", "chown -R --no-dereference --from=root ")


def _templates(pattern: str) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in (TEMPLATES / "recipes").glob(pattern)}


def _as_root(unit: str) -> Iterator[str]:
    """Yield the lines of a unit by which root would change something in a folder of the account's."""
    user = re.search(r"^User=(?!root$)", unit, re.MULTILINE)
    for line in unit.splitlines():
        if PLACE.search(line) and (ALWAYS_ROOT.match(line) or (CHANGES.match(line) and not user)):
            yield line


def test_no_unit_has_root_change_a_folder_of_the_accounts() -> None:
    units = _templates("*/*.service.j2")
    assert [name for name, text in units.items() if PLACE.search(text)]
    assert not {name: lines for name, text in units.items() if (lines := list(_as_root(text)))}


def test_no_install_and_no_verify_script_follows_a_link_there() -> None:
    scripts = "\n".join((*_templates("*/install.sh.j2").values(), *_templates("*/verify.sh.j2").values()))
    lines = [line.strip() for line in scripts.splitlines() if PLACE.search(line)]
    assert not [line for line in lines if not line.startswith(LOOKS)]


def test_the_lines_that_gave_a_folder_away_would_be_found() -> None:
    user, digits = "{{ target.user }}", "{{ target.mount_point | unit }}/digits"
    assert list(_as_root(f"[Service]\nUser={user}\nExecStartPre=+/usr/bin/install -d -o {user} {digits}\n"))
    assert list(_as_root(f"[Service]\nExecStopPost=/usr/bin/chown -R {user}: {digits}\n"))
    assert not list(_as_root(f"[Service]\nUser={user}\nExecStartPre=/usr/bin/mkdir -p {digits}\n"))
