"""`fab timeline` over two boxes: steps, runs, a reboot, a log that is none, and a box that does not answer."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from rehearsal.errors import RehearsalError
from rehearsal.user import User
from tests.kit.page import Element, Reader, rows
from tests.kit.programs import write_program
from tests.kit.recipes import write_recipe
from tests.kit.wait import until

CONFIG = {"jobVolumeGib": "1", "hosts": "2"}
FLOUR = "printf '<b>flour</b> \\033[1mand\\033[0m eggs\\n'"


@pytest.fixture(scope="module")
def page(user: User, tmp_path_factory: pytest.TempPathFactory) -> Element:
    """The page after a morning with two boxes."""
    catalogue = tmp_path_factory.mktemp("catalogue")
    write_recipe(catalogue / "cake", install=f"{FLOUR}; touch /srv/cake", verify="test -e /srv/cake")
    write_recipe(catalogue / "icing", install="echo no sugar; exit 4", verify="false")
    ours = ("env", f"GPURIG_RECIPES={catalogue}", "fab")
    user.up()
    user.run(*ours, "setup-cake")
    user.run(*ours, "setup-icing", "--limit", "box", code=6)
    user.fab("run", "--limit", "box", "--name", "once", "--", "echo over; exit 3", code=3)
    user.fab("run", "--limit", "box", "--name", "night", "--detach", "--", "sleep", "1000")
    user.on_box("rm /jobs/runs/once/log; ln -s /etc/shadow /jobs/runs/once/log", limit="box")
    _reboot(user)
    user.on_box("sudo systemctl stop ssh.socket ssh.service", limit="box-2")
    said = user.fab("timeline", code=4)
    assert "timeline.html: " in said
    return Reader((user.project / "timeline.html").read_text(encoding="utf-8")).stack[0]


def _reboot(user: User) -> None:
    """Restart the first box and wait until it answers."""
    boot = "cat /proc/sys/kernel/random/boot_id"
    before = user.on_box(boot, limit="box").split()[-1]
    user.fab("run", "--limit", "box", "--detach", "--name", "down", "--", "sudo systemctl --no-block reboot")

    def is_back() -> bool:
        with contextlib.suppress(RehearsalError):
            return user.on_box(boot, limit="box").split()[-1] != before
        return False

    until(is_back, 120, pause=1)


def test_it_has_the_steps_and_the_runs_with_how_they_ended(page: Element) -> None:
    said = rows(page)
    assert (said["cake"], said["icing"], said["once"]) == ("installed", "failed", "failed, exit code 3")
    assert said["night"].startswith("lost")


def test_logs_are_text_and_what_is_none_is_not_read(page: Element) -> None:
    logs = [log.text.strip() for log in page.all("pre")]
    assert any("<b>flour</b> and eggs" in log.splitlines() for log in logs)
    assert "no sugar" in logs
    assert not any("root:" in log for log in logs)
    assert any("/jobs/runs/once/log was not read" in found.text for found in page.all("p"))


def test_it_has_both_boots(page: Element) -> None:
    [lane] = page.all(_class="up")
    assert len(lane.all("div", _class="boot")) == 2


def test_it_names_the_box_that_does_not_answer(page: Element) -> None:
    [note] = page.all(_class="silent")
    assert "box-2 is not on this page" in note.text


def test_open_hands_the_page_to_the_browser(user: User, page: Element, tmp_path: Path) -> None:
    assert page.all("h1")
    browser = tmp_path / "browser"
    write_program(browser, f'echo "$1" > {tmp_path}/shown')
    user.run("env", f"BROWSER={browser} %s", "fab", "timeline", "--limit", "box", "--output", "one.html", "--open")
    assert (tmp_path / "shown").read_text().strip() == (user.project / "one.html").as_uri()
    user.fab("timeline", "--limit", "box", "--output", "no/such/page.html", code=2)


def test_without_credentials_status_says_so_and_all_the_rest(user: User, page: Element) -> None:
    assert page.all("h1")
    said = user.fab("status", "--limit", "box")
    assert "GiB, in-use; no snapshot yet" in said
    without = ("env", "-u", "AWS_ACCESS_KEY_ID", "-u", "AWS_SECRET_ACCESS_KEY", "fab", "status", "--limit", "box")
    said = user.run(*without)
    assert "its snapshots are not known" in said
    assert "no AWS credentials" in said
    assert "installed  base" in said
