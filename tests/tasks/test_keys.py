"""The text of authorized_keys, and what `fab keys` makes of settings and options; the box itself is in tests/box."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from provision.life import authorized_keys as text_of
from provision.model.public_key import PublicKey
from tests.kit.fab import fab, host_row, outputs, refused


def key(number: int, comment: str = "") -> PublicKey:
    """Return a public key."""
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes([number]) * 32
    return PublicKey(material=base64.b64encode(blob).decode(), comment=comment)


ADA, BOB = key(1, "ada@lab"), key(2, "bob@lab")
OTHERS = (
    "# the lab's own\n"
    'from="10.0.0.0/8",command="echo \\"hi # there\\"" ssh-ed25519 ' + key(3).material + " a backup\n"
    "ssh-rsa AAAAB3NzaC1yc2E= old\r\n"
    "\tnot a key at all\n"
    "ecdsa-sha2-nistp256 AAAAE2VjZHNh caf\udce9"  # no end of a line, and a byte that is no UTF-8
)


def test_keys_go_into_a_block_and_out_of_it_and_every_other_line_stays() -> None:
    with_both = text_of.added(OTHERS, [ADA, BOB])
    assert with_both.startswith(OTHERS + "\n")
    assert [entry.comment for entry in text_of.entries(with_both) if entry.ours] == ["ada@lab", "bob@lab"]
    assert text_of.added(with_both, [BOB, ADA]) == with_both
    assert text_of.removed(with_both, {ADA.material}) == text_of.added(OTHERS, [BOB])
    assert text_of.removed(with_both, {ADA.material, BOB.material}) == OTHERS + "\n"


def test_a_key_that_only_runs_a_command_is_no_way_in_and_one_elsewhere_is_left_there() -> None:
    ways = [entry.is_way_in for entry in text_of.entries(OTHERS)]
    assert ways == [False, True, True]
    assert text_of.added(f"{ADA}\n", [ADA]) == f"{ADA}\n"
    shown = text_of.added(f"restrict {ADA}\n", [ADA])
    assert [entry.is_way_in for entry in text_of.entries(shown)] == [False, True]


@settings(max_examples=60, deadline=None)
@given(before=some.text(max_size=300), more=some.booleans())
def test_whatever_a_file_holds_its_lines_stay_and_the_key_is_there_once(before: str, *, more: bool) -> None:
    begun = f"{before}\n{text_of.BEGIN}\n{before}" if more else before
    after = text_of.added(begun, [ADA])
    assert [entry.material for entry in text_of.entries(after) if entry.ours] == [ADA.material]
    theirs = [line for line in begun.split("\n") if line]
    left = [line for line in text_of.removed(after, {ADA.material}).split("\n") if line]
    assert left == theirs


def test_a_second_line_in_a_comment_would_be_another_key_and_is_refused() -> None:
    with pytest.raises(ValueError, match="one line of ASCII"):
        PublicKey.read(f"{ADA}\nssh-ed25519 {BOB.material} mallory")
    assert PublicKey.read(f"{ADA}\n") == ADA


def pulumi(folder: Path, *keys: PublicKey) -> str:
    """Put a `pulumi` in a folder that keeps `sshKeys` as `config set` gives it; return a PATH with it."""
    row = host_row(keys=[str(ADA)], address="127.0.0.1")
    (folder / "state").write_text(outputs(row))
    (folder / "keys").write_text(json.dumps([str(one) for one in keys]))
    (folder / "pulumi").write_text(f"""#!/usr/bin/env python3
import json, pathlib, sys
folder = pathlib.Path(__file__).parent
if sys.argv[1:3] == ["stack", "export"]:
    print((folder / "state").read_text())
elif sys.argv[1:3] == ["config", "--json"]:
    found = {{"gpurig:sshPublicKey": "{ADA}", "gpurig:sshKeys": (folder / "keys").read_text()}}
    print(json.dumps({{name: {{"value": value}} for name, value in found.items()}}))
elif sys.argv[1:3] == ["config", "set"]:
    (folder / "keys").write_text(sys.argv[4])
elif sys.argv[1:3] == ["config", "rm"]:
    (folder / "keys").write_text("")
""")
    (folder / "pulumi").chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def test_what_is_added_and_removed_is_set_for_the_boxes_to_come_whether_a_box_answers_or_not(tmp_path: Path) -> None:
    path = pulumi(tmp_path)
    (tmp_path / "bob.pub").write_text(f"{BOB}\n")
    said = fab(tmp_path, "keys", "--add", "bob.pub", code=5, PATH=path, HOME=str(tmp_path)).stderr
    assert "gpurig:sshKeys has 1 key now" in said
    assert json.loads((tmp_path / "keys").read_text()) == [str(BOB)]
    fab(tmp_path, "keys", "--remove", "bob@lab", code=5, PATH=path, HOME=str(tmp_path))
    assert (tmp_path / "keys").read_text() == ""


def test_what_cannot_be_a_key_and_the_first_one_are_refused(tmp_path: Path) -> None:
    path = pulumi(tmp_path, BOB)
    assert "is no ed25519 public key" in refused(tmp_path, "keys", "--add", "ssh-rsa AAAA x", PATH=path)
    said = refused(tmp_path, "keys", "--remove", ADA.fingerprint, PATH=path, HOME=str(tmp_path))
    assert "is gpurig:sshPublicKey, with which a new box is made" in said
    assert json.loads((tmp_path / "keys").read_text()) == [str(BOB)]
