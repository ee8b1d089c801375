"""Whatever an archive, a table or a list of labels holds: it is taken, or refused in words; nothing lands elsewhere."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from datasets.build.sources import Refused
from datasets.build.table import from_table
from datasets.get.names import Names
from datasets.get.output import OutputFolder, TruncatedArchive
from datasets.get.sums import table as sums_of
from datasets.get.untar import untar
from datasets.get.unzip import NotStreamable, unzip, unzip_whole
from datasets.messages import Failure
from tests.kit.made_up import odd_text, said

NAMES = (
    st.sampled_from(["a", "a/b", "b", "../out", "/out", "a/../../out", "link", "link/x", ".", "a/", "x" * 300])
    | odd_text
)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, b"Z"])
DAMAGE = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=3)
REFUSED = (Failure, OSError, TruncatedArchive, NotStreamable)
"""What the program says in words (`datasets.get.main`), or asks for the whole archive after."""


class Arriving:
    """An archive that comes in pieces."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, _size: int = -1) -> bytes:
        return self._file.read(511)

    def finish(self) -> None:
        self._file.read()


def damaged(data: bytes, damage: list[tuple[int, int]], cut: int) -> bytes:
    """Return an archive with some bytes changed, and its end gone."""
    found = bytearray(data)
    for place, value in damage:
        if place < len(found):
            found[place] = value
    return bytes(found[: max(0, len(found) - cut)])


def nothing_elsewhere(top: Path) -> None:
    """See that nothing is beside the folder, and that no link of it leads out."""
    assert {path.name for path in top.iterdir()} <= {"new"}
    root = str((top / "new").resolve())
    for path in (top / "new").rglob("*"):
        assert not path.is_symlink() or os.path.realpath(path).startswith(root)


@given(st.lists(st.tuples(NAMES, KINDS, NAMES), max_size=5), DAMAGE, st.sampled_from([0, 1, 700]))
def test_a_tar_lands_in_its_folder_or_is_refused(
    rows: list[tuple[str, bytes, str]], damage: list[tuple[int, int]], cut: int
) -> None:
    goal = io.BytesIO()
    with tarfile.open(fileobj=goal, mode="w", errors="surrogatepass") as archive:
        for name, kind, target in rows:
            member = tarfile.TarInfo(name.replace("\0", "?"))
            member.type, member.linkname = kind, target
            member.size = 3 if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(b"abc"))
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        try:
            output = OutputFolder(top / "new", "odd.tar")
            untar(Arriving(damaged(goal.getvalue(), damage, cut)), "", output, Names("odd.tar"))  # type: ignore[arg-type]
            output.finish()
        except REFUSED:
            assert {path.name for path in top.iterdir()} <= {"new"}
        else:
            nothing_elsewhere(top)


@example([("a", 0), ("\u00e9", 0)], [(67, 0)], 0, "")  # a name in no known letters
@given(
    st.lists(st.tuples(NAMES, st.sampled_from([0, 0o120777, 0o100755, 0o010644])), max_size=5),
    DAMAGE,
    st.sampled_from([0, 1, 40]),
    st.sampled_from(["", "cp866", "cp932", "utf-16"]),
)
def test_a_zip_lands_in_its_folder_or_is_refused(
    rows: list[tuple[str, int]], damage: list[tuple[int, int]], cut: int, letters: str
) -> None:
    goal = io.BytesIO()
    with zipfile.ZipFile(goal, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, mode) in enumerate(rows):
            separated = name.replace("/", "\\") if number % 2 else name
            row = zipfile.ZipInfo(separated.encode("utf-8", "replace").decode() or "a")
            row.create_system, row.external_attr = 3, mode << 16
            archive.writestr(row, b"../out")
    data = damaged(goal.getvalue(), damage, cut)
    for whole in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            top = Path(folder)
            try:
                output = OutputFolder(top / "new", "odd.zip")
                if whole:
                    unzip_whole(io.BytesIO(data), output, Names("odd.zip", letters))
                else:
                    unzip(Arriving(data), output, Names("odd.zip", letters))  # type: ignore[arg-type]
                output.finish()
            except REFUSED:
                assert {path.name for path in top.iterdir()} <= {"new"}
            else:
                nothing_elsewhere(top)


@given(
    st.binary(max_size=40) | odd_text.map(lambda text: text.encode("utf-8", "surrogatepass")), odd_text, st.booleans()
)
def test_a_table_is_read_or_refused(rows: bytes, labels: str, partial: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        (top / "a.png").write_bytes(b"")
        (top / "table").write_bytes(rows)
        (top / "labels").write_bytes(labels.encode("utf-8", "surrogatepass") + b"\ncat\ndog\n")
        try:
            found = from_table(top, top / "table", top / "labels", partial=partial)
        except Refused as error:
            said(error.problems)
        else:
            assert {picture.name for picture in found.pictures} == {"a.png"}


@given(odd_text)
def test_sums_are_read_or_refused(text: str) -> None:
    try:
        assert sums_of(f"{text}\n", "odd")
    except Failure as error:
        said(error.lines)
