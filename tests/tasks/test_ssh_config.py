"""`fab ssh-config`, read by the real OpenSSH: what it makes of the files, and that it gets to the box."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.fab import FAB
from tests.kit.power import Rig, rig
from tests.kit.ssh_server import PORT
from tests.kit.terminal import shown

OWN = b"# mine\nHost desk\n    User ada\n\nHost *\n    Compression yes\n"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Rig]:
    """A stack in a cloud without boxes, and a user with an ssh_config of his own."""
    with rig(tmp_path) as made:
        made.config.parent.mkdir(mode=0o700)
        made.config.write_bytes(OWN)
        made.config.chmod(0o640)
        yield made


def ssh(lab: Rig, *words: str, code: int = 0) -> str:
    """Run OpenSSH with the user's file, as it would read it by itself at home."""
    done = subprocess.run(
        ["ssh", "-F", str(lab.config), "-o", "BatchMode=yes", *words],
        cwd="/",
        env={"HOME": str(lab.home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def means(lab: Rig, name: str) -> dict[str, str]:
    """Return what OpenSSH makes of a name."""
    rows = [line.partition(" ") for line in ssh(lab, "-G", name).splitlines()]
    return {key: value for key, _, value in rows}


def test_ssh_reaches_the_box_by_name_with_its_pinned_key_alone(lab: Rig) -> None:
    box = lab.launch()
    said = lab.fab("ssh-config", "--yes")
    assert f"ssh box: root@{box.recorded}" in said.stdout
    for name in ("box", "box.gpurig.dev"):
        found = means(lab, name)
        assert (found["hostname"], found["port"], found["user"]) == (box.recorded, str(PORT), "root")
        assert found["hostkeyalias"] == box.id
        assert found["userknownhostsfile"] == str(lab.folder / ".gpurig" / "known_hosts")
        assert found["stricthostkeychecking"] == "true"
        assert (found["identityfile"], found["identitiesonly"]) == (str(lab.key), "yes")
    assert ssh(lab, "box", "hello") == "box did hello\n"
    box.server.key = type(box.server)("thief").key
    assert "IDENTIFICATION HAS CHANGED" in ssh(lab, "box", "hello", code=255)


def test_the_users_own_file_keeps_all_that_is_in_it_and_its_mode_and_is_changed_once(lab: Rig) -> None:
    lab.launch()
    lab.fab("ssh-config", "--yes")
    text = lab.config.read_bytes()
    assert text.endswith(b"\n\n" + OWN)
    assert text.count(b"Include ") == 1
    assert lab.config.stat().st_mode & 0o777 == 0o640
    assert means(lab, "desk")["user"] == "ada"
    assert means(lab, "box")["compression"] == "yes"
    lab.fab("ssh-config", "--yes")
    assert lab.config.read_bytes() == text
    done = lab.fab("ssh-config", "--remove")
    assert "reads gpurig's files no more" in done.stdout
    assert lab.config.read_bytes() == OWN
    assert not (lab.config.parent / "gpurig").exists()
    assert "nothing of this stack" in lab.fab("ssh-config", "--remove").stdout


def test_a_link_stays_a_link_and_a_file_that_is_not_there_is_made(lab: Rig) -> None:
    lab.launch()
    kept = lab.home / "dotfiles"
    lab.config.rename(kept)
    lab.config.symlink_to(kept)
    lab.fab("ssh-config", "--yes")
    assert lab.config.is_symlink()
    assert kept.read_bytes().endswith(OWN)
    lab.config.unlink()
    lab.fab("ssh-config", "--yes")
    assert lab.config.stat().st_mode & 0o777 == 0o600
    assert means(lab, "box")["user"] == "root"


def test_nobody_touches_the_users_file_unasked(lab: Rig) -> None:
    lab.launch()
    said = lab.fab("ssh-config").stderr
    assert f"Include {lab.config.parent}/gpurig/*.conf" in said
    assert lab.config.read_bytes() == OWN
    said = shown([*FAB, "ssh-config"], lab.folder, lab.env(), typed="n\n")
    assert "add it? [y/N]" in said
    assert lab.config.read_bytes() == OWN
    shown([*FAB, "ssh-config"], lab.folder, lab.env(), typed="y\n")
    assert lab.config.read_bytes().endswith(OWN)
    assert means(lab, "box")["user"] == "root"


def test_an_entry_of_the_users_own_goes_before_and_the_long_name_is_there(lab: Rig) -> None:
    box = lab.launch()
    lab.config.write_bytes(b"Host box\n    HostName mine.example\n")
    done = lab.fab("ssh-config", "--yes")
    assert 'has an entry "box" of its own' in done.stderr
    assert means(lab, "box")["hostname"] == "mine.example"
    assert means(lab, "box.gpurig.dev")["hostname"] == box.recorded


def test_a_start_and_a_look_up_keep_it_true_and_a_stopped_box_says_so(lab: Rig) -> None:
    box = lab.launch()
    lab.idle(box)
    lab.fab("ssh-config", "--yes")
    lab.fab("stop")
    lab.answers_when_started(box)
    lab.fab("start")
    second = lab.address(box)
    assert second != box.recorded
    assert means(lab, "box")["hostname"] == second
    lab.stop(box)
    assert "box-is-stopped-see-fab-start.invalid" in lab.fab("ssh-config").stdout + means(lab, "box")["hostname"]
    third = lab.start_past_fab(box)
    lab.fab("ssh", "--command", "hello")
    assert means(lab, "box")["hostname"] == third


def test_the_next_box_takes_the_place_of_the_one_before_and_no_others(lab: Rig) -> None:
    first, second = lab.launch(), lab.launch("box-2")
    lab.fab("ssh-config", "--yes")
    lab.boxes.remove(first)
    lab.ec2.terminate_instances(InstanceIds=[first.id])
    anew = lab.launch()
    assert (anew.id, anew.recorded) != (first.id, first.recorded)
    lab.fab("ssh", "--limit", "box", "--command", "hello")
    for name, box in {"box": anew, "box.gpurig.dev": anew, "box-2": second}.items():
        found = means(lab, name)
        assert (found["hostname"], found["hostkeyalias"]) == (box.recorded, box.id)
    assert ssh(lab, "box", "hello") == "box did hello\n"


def test_what_a_state_records_does_not_count_for_a_box_that_was_found_stopped(lab: Rig) -> None:
    box = lab.launch()
    lab.stop(box)
    lab.fab("ssh-config", "--yes")
    lab.fab("ssh", "--command", "hello", code=4)
    assert means(lab, "box")["hostname"] == "box-is-stopped-see-fab-start.invalid"


def test_two_stacks_have_a_file_each_and_two_projects_of_one_name_do_not_overwrite_each_other(
    lab: Rig, tmp_path: Path
) -> None:
    box = lab.launch()
    lab.fab("ssh-config", "--yes")
    lab.stack = "prod"
    lab.fab("ssh-config", "--yes")
    assert {path.name for path in (lab.config.parent / "gpurig").iterdir()} == {"gpurig.dev.conf", "gpurig.prod.conf"}
    assert means(lab, "box.gpurig.prod")["hostname"] == box.recorded
    lab.fab("ssh-config", "--remove")
    assert means(lab, "box.gpurig.dev")["hostname"] == box.recorded
    lab.stack = "dev"
    file = lab.config.parent / "gpurig" / "gpurig.dev.conf"
    other = tmp_path / "other"
    other.mkdir()
    file.write_text(file.read_text().replace(str(lab.folder), str(other)))
    before = file.read_text()
    assert f"{other} has a stack gpurig.dev too" in lab.fab("ssh-config", code=2).stderr
    assert file.read_text() == before


def test_a_machine_of_ones_own_has_its_own_entry(lab: Rig) -> None:
    (lab.folder / "hosts.toml").write_text('[host.desk]\naddress = "127.8.9.9"\ngpu = "none"\n')
    assert "desk (127.8.9.9) is no box of a stack" in lab.fab("ssh-config", code=2).stderr
