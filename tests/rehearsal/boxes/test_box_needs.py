"""What boxes need, where they come from, and how they say so: no box is booted here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.boxes import debs, needs, roots
from rehearsal.boxes.ledger import Ledger
from rehearsal.boxes.volumes import Volumes
from rehearsal.errors import CannotBoot, RehearsalError

if TYPE_CHECKING:
    from pathlib import Path


def test_says_that_root_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert needs.why_not() == "boxes need root: run as root or with sudo"


def test_says_which_packages_are_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    (tmp_path / "ip").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    reason = needs.why_not()
    assert reason is not None
    assert reason.startswith("boxes need systemd-nspawn, nft, ")
    assert "apt-get install systemd-container nftables " in reason
    assert "iproute2" not in reason


def test_archive_that_does_not_answer_is_one_line_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if reason := needs.why_not():
        pytest.skip(reason)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    said: list[str] = []
    with pytest.raises(CannotBoot, match="no root file system for boxes can be built"):
        roots.ensure("ubuntu-22.04", said.append)
    assert any("Debian 12 stands in for it" in line for line in said)
    assert all("\n" not in line for line in said)
    assert [path.name for path in (tmp_path / "gpurig/roots").iterdir() if not path.name.endswith(".lock")] == []


def test_packages_of_one_box_are_lent_to_the_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    archives = "var/cache/apt/archives"
    (tmp_path / "first" / archives / "partial").mkdir(parents=True)
    (tmp_path / "first" / archives / "hello_2.10_amd64.deb").write_bytes(b"a package")
    (tmp_path / "first" / archives / "lock").touch()
    debs.collect("ubuntu-22.04", tmp_path / "first")
    debs.collect("ubuntu-22.04", tmp_path / "first")
    debs.lend("ubuntu-22.04", tmp_path / "second")
    assert [path.name for path in (tmp_path / "second" / archives).iterdir()] == ["hello_2.10_amd64.deb"]
    debs.lend("debian-12", tmp_path / "third")
    assert list((tmp_path / "third" / archives).iterdir()) == []


def test_ledger_keeps_what_could_not_be_given_back(tmp_path: Path) -> None:
    def refuse(name: str) -> None:
        raise RehearsalError(f"{name} is stuck")

    given: list[str] = []
    ledger = Ledger(tmp_path / "taken.json")
    ledger.take("easy", "a")
    ledger.take("hard", "b")
    ledger.take("easy", "c")
    with pytest.raises(RehearsalError, match=r"could not give back hard b \(b is stuck\)"):
        Ledger(tmp_path / "taken.json").give_back({"hard": refuse, "easy": given.append})
    assert given == ["a", "c"]
    assert Ledger(tmp_path / "taken.json").give_back({"hard": given.append, "easy": refuse}) == ["hard b"]


def test_damaged_ledger_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken.json").write_text('[["namespace"')
    with pytest.raises(RehearsalError, match=r"taken\.json is damaged"):
        Ledger(tmp_path / "taken.json")


def test_snapshots_outlive_volumes_and_are_never_shrunk(tmp_path: Path) -> None:
    volumes = Volumes(tmp_path)
    volumes.create("vol-1", 2, None)
    with volumes.image("vol-1").open("r+b") as disk:
        disk.seek(1 << 30)
        disk.write(b"in the middle")
    volumes.snapshot("snap-1", "vol-1")
    volumes.delete("vol-1")
    Volumes(tmp_path).create("vol-2", 3, "snap-1")
    with volumes.image("vol-2").open("rb") as disk:
        disk.seek(1 << 30)
        assert disk.read(13) == b"in the middle"
    assert volumes.image("vol-2").stat().st_blocks * 512 < 1 << 20  # sparse
    with pytest.raises(RehearsalError, match="1 GiB is smaller than snap-1"):
        volumes.create("vol-3", 1, "snap-1")
    volumes.delete_snapshot("snap-1")
    volumes.delete_snapshot("snap-1")
    with pytest.raises(RehearsalError, match="vol-1 does not exist"):
        volumes.image("vol-1")
