"""What a step leaves for others: its files, and its environment for later scripts and login shells."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.kit.host import Lab, names

FILE = 'files."{path}" = {{ template = "tool.conf", mode = "0640" }}'


def test_files_are_there_before_the_install_and_a_changed_one_installs_again(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "etc" / "tool.conf"
    toml, body = FILE.format(path=path), f'cp "{path}" copy'
    lab.recipe("tool", toml, body=body, **{"tool.conf": "gpu={{ target.gpu }} ä\n"})
    assert names(lab.ask("apply", lab.bundle("tool")))[-1] == "ready"
    assert (lab.world / "copy").read_text() == "gpu=none ä\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert names(lab.ask("apply", lab.bundle("tool"))) == ["unchanged"]
    for number, content in enumerate((b"gpu=other\n", b"\xff\xfe", b"", b"gpu=none \xc3\xa4\r\n"), 2):
        path.write_bytes(content)
        assert lab.ask("plan", lab.bundle("tool"))[0]["steps"] == {"tool": "broken"}
        assert names(lab.ask("apply", lab.bundle("tool")))[-1] == "ready"
        assert path.read_text() == "gpu=none ä\n"
        assert lab.runs("tool") == number
    lab.recipe("tool", toml, body=body, **{"tool.conf": "new\n"})
    assert lab.ask("apply", lab.bundle("tool"))[0]["steps"] == {"tool": "broken"}
    assert path.read_text() == "new\n"


def test_a_file_that_cannot_be_written_fails_the_step(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("no folder")
    lab.recipe("tool", FILE.format(path=tmp_path / "etc" / "tool.conf"), **{"tool.conf": "x"})
    failed = lab.ask("apply", lab.bundle("tool"))[-1]
    assert failed["event"] == "failed"
    assert failed["step"] == "tool"
    assert str(tmp_path / "etc") in failed["why"]
    assert lab.runs("tool") == 0


def test_environment_reaches_later_scripts_and_login_shells(lab: Lab) -> None:
    lab.recipe("base", 'env = { TOOL = "/opt/tool", PATH = "/opt/tool/bin:$PATH" }')
    lab.recipe("top", 'needs = ["base"]', body='echo "$TOOL $PATH" > seen', verify='test "$TOOL" = /opt/tool -a -e top')
    lab.recipe("aside", body='echo "${TOOL-unset}" > aside.seen')
    assert names(lab.ask("apply", lab.bundle("top", "aside")))[-1] == "ready"
    assert (lab.world / "seen").read_text().startswith("/opt/tool /opt/tool/bin:/")
    assert (lab.world / "aside.seen").read_text() == "unset\n"
    (script,) = lab.profile.iterdir()
    assert script.name == "gpurig-base.sh"
    command = ["/bin/sh", "-c", f'. "{script}"; echo "$TOOL $PATH"']
    shell = subprocess.run(command, env={"PATH": "/usr/bin"}, capture_output=True, text=True, check=True)
    assert shell.stdout == "/opt/tool /opt/tool/bin:/usr/bin\n"


def test_environment_that_a_recipe_no_longer_gives_goes_away(lab: Lab) -> None:
    lab.recipe("base", 'env = { TOOL = "/opt/tool" }')
    lab.ask("apply", lab.bundle("base"))
    lab.recipe("base")
    lab.ask("apply", lab.bundle("base"))
    assert list(lab.profile.iterdir()) == []
