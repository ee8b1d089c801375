"""JupyterLab from its real wheels: kernels of the box's environments, for who has the token, through `fab lab`."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.catalogue.folders import OURS
from provision.work.webpage import LAB
from tests.history.browser import PROGRAM
from tests.installs.box import Box, result
from tests.installs.browsing import command_lines, opened
from tests.kit.chromium import page
from tests.kit.fab import FAB
from tests.kit.wait import until

CLIENT = (OURS / "jupyter/example/each_kernel.py").read_text(encoding="utf-8")
TAKEN = "sudo systemd-run -q --unit=taken python3 -m http.server -b 127.0.0.1 8888"
SERVER = "http://127.0.0.1:8888"
NOTEBOOK = {
    "cells": [{"cell_type": "markdown", "metadata": {}, "source": "what was found out", "id": "a"}],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
# A tenth of a core: what waits for a peer takes none, and the rule for the whole box begins at half a core.
COMPUTES = "import time\nwhile True:\n  end = time.time() + .2\n  while time.time() < end: pass\n  time.sleep(.8)"
LOOK = "sudo /usr/local/sbin/gpurig-guard look; sudo cat /run/gpurig-guard/seen.json"


@pytest.fixture(scope="module")
def lab(box: Box) -> Box:
    """The box with JupyterLab, which a port that is taken did not get."""
    said = box.fab("lab", "--no-browser", code=2)
    assert "has no JupyterLab" in said
    assert "fab setup-jupyter" in said
    box.ssh(f"{TAKEN}; until ss -Hltn | grep -q :8888; do sleep 0.1; done")
    said = box.fab("setup-jupyter", code=6)
    assert "port 8888 of this host is taken" in said
    assert '"python3"' in said
    box.ssh("sudo systemctl stop taken")
    assert re.search(r"\bjupyter +installed in", box.fab("setup-jupyter"))
    return box


def token(lab: Box) -> str:
    return lab.ssh("cat /run/gpurig-jupyter/token")


def ask(lab: Box, path: str, method: str = "GET", body: object = None) -> Any:
    """Return what the server says, asked on the box."""
    words = f"-H 'Authorization: token {token(lab)}' -X {method}"
    given = f" -d '{json.dumps(body)}'" if body else ""
    return json.loads(lab.ssh(f"curl -fsS {words} {SERVER}/api/{path}{given}") or "null")


def test_it_is_found_again(lab: Box) -> None:
    assert "nothing to do" in lab.fab("setup-jupyter")


def test_it_listens_for_the_box_alone_and_its_kernels_at_no_port(lab: Box) -> None:
    kernel = ask(lab, "kernels", "POST", {"name": "python3"})
    before = "22 53 68 323 8888"  # of the box itself: SSH, DNS, DHCP, time
    listening = lab.ssh("ss -Hltnu | awk '{print $5}'").split()
    assert [place for place in listening if place.endswith(":8888")] == ["127.0.0.1:8888"]
    assert {place.rpartition(":")[2] for place in listening} <= {*before.split(), "*"}
    ask(lab, f"kernels/{kernel['id']}", "DELETE")


def test_who_guesses_the_token_gets_nothing_and_nobody_reads_it(lab: Box) -> None:
    right, wrong = token(lab), "x" * 43
    status = f"curl -s -o /dev/null -w '%{{http_code}}' {SERVER}/api/kernels"
    for word, answer in (("", "403"), (f"?token={wrong}", "403"), (f"?token={right}", "200")):
        assert lab.ssh(f"{status}{word}") == answer
    assert lab.ssh(f"{status} -H 'Authorization: token {wrong}'") == "403"
    # Under a stranger's name for it, not even with the token.
    assert lab.ssh(f"{status}?token={right} -H 'Host: rebind.example:8888'") == "403"
    assert right not in lab.ssh("ps axwwe -o args; sudo journalctl --no-pager -u gpurig-jupyter")
    # Jupyter adds the sticky bit.
    modes = lab.ssh("stat -c '%U %a' /run/gpurig-jupyter /run/gpurig-jupyter/token").splitlines()
    assert modes == ["ubuntu 1700", "ubuntu 600"]
    lab.ssh("sudo useradd --create-home other")
    assert "Permission denied" in lab.ssh("sudo -u other cat /run/gpurig-jupyter/token 2>&1 || true")


def test_each_environment_has_a_kernel_also_one_that_comes_later(lab: Box, tmp_path: Path) -> None:
    said = lab.fab("example-jupyter", "--into", str(tmp_path / "before"))
    assert "1 of 1 kernels compute" in said
    lab.fab("setup-theano")
    lab.ssh("python3 -m venv ~/other && mkdir -p ~/.conda && echo $HOME/other >~/.conda/environments.txt")
    said = lab.fab("example-jupyter", "--into", str(tmp_path / "after"))
    assert "3 of 3 kernels compute" in said
    kernels = result(tmp_path / "after", "kernels.json")
    assert kernels["theano"].endswith("/opt/gpurig/theano/venv-1") or kernels["theano"].endswith("/theano/venv")
    assert kernels["conda-other"].endswith("/home/ubuntu/other")
    assert kernels["python3"].endswith(" /usr")


def test_a_kernel_has_its_environment_s_packages_and_variables_and_gives_it_none(lab: Box) -> None:
    look = "import os, pytensor; print(pytensor.__version__, os.environ['PYTENSOR_FLAGS'], os.environ['PATH'][:28])"
    version, flags, path = execute(lab, "theano", look).split()
    assert (flags, path) == ("blas__ldflags=-lopenblas", "/opt/gpurig/theano/venv/bin:")
    assert (
        version
        == lab.ssh("/opt/gpurig/theano/venv/bin/python -c 'import pytensor; print(pytensor.__version__)'").strip()
    )
    assert "No module named 'ipykernel'" in lab.ssh(
        "/opt/gpurig/theano/venv/bin/python -c 'import ipykernel' 2>&1 || true"
    )


def execute(lab: Box, kernel: str, code: str, *, keep: bool = False) -> str:
    """Return what some code prints in a new kernel; `keep`: it is left computing, from the moment that it does."""
    code = f"open('/home/ubuntu/begun', 'w').close()\n{code}" if keep else code
    program = (
        "import asyncio, each_kernel as one\n"
        f"kernel = one.ask('kernels', 'POST', {{'name': {kernel!r}}})['id']\n"
        f"print(asyncio.run(one.say(kernel, {code!r})))\n"
    )
    lab.ssh(f"cat >each_kernel.py <<'END'\n{CLIENT}END\ncat >execute.py <<'END'\n{program}END\n")
    command = "/opt/gpurig/jupyter/venv/bin/python execute.py"
    if not keep:
        return lab.ssh(command)
    lab.ssh(f"rm -f begun; nohup {command} </dev/null >/dev/null 2>&1 &")
    until(lambda: "begun" in lab.ssh("ls").split(), 120, pause=1)
    return ""


def test_a_kernel_holds_the_box_only_while_it_computes(lab: Box) -> None:
    lab.ssh("sudo mkdir -p /run/gpurig-guard")
    for code, busy in (("import time; time.sleep(600)", False), (COMPUTES, True)):
        execute(lab, "python3", code, keep=True)
        lab.ssh(LOOK)
        lab.ssh("sleep 20")
        seen = json.loads(lab.ssh(LOOK))
        assert ("a notebook computes" in seen["busy"]) is busy
        for row in ask(lab, "kernels"):
            ask(lab, f"kernels/{row['id']}", "DELETE")


@pytest.fixture
def notebook(lab: Box) -> Iterator[str]:
    """A notebook, as the page saves one."""
    ask(lab, "contents/found.ipynb", "PUT", {"type": "notebook", "format": "json", "content": NOTEBOOK})
    yield "found.ipynb"
    lab.ssh("rm -f /jobs/notebooks/found.ipynb")


@pytest.mark.skipif(not PROGRAM, reason="there is no Chromium here")
def test_the_browser_shows_a_notebook_and_no_command_line_the_token(lab: Box, notebook: str, tmp_path: Path) -> None:
    assert lab.ssh(f"stat -c %U /jobs/notebooks/{notebook}") == "ubuntu\n"
    with opened(lab, "lab") as it, page(tmp_path) as browser:
        assert it.token == token(lab)
        assert it.token not in it.line
        assert it.token not in command_lines()
        browser.open(it.asked)
        browser.wait("location.pathname.startsWith('/lab') && !!document.querySelector('.jp-LauncherCard')", 300)
        shown = browser.run("document.body.innerText")
        assert "system (Python 3.10)" in shown
        assert "Jupyter news" not in shown
        assert "token" not in browser.run("location.href")
        here = browser.run("location.origin")
        browser.open(f"{here}/lab/tree/{notebook}")
        browser.wait(
            "document.querySelector('.jp-Notebook') && document.body.innerText.includes('what was found out')", 300
        )


def test_a_port_of_the_laptop_that_is_taken_is_passed_over_or_named(lab: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mine:
        port = mine.getsockname()[1]
        said = lab.fab("lab", "--local", str(port), code=2)
        assert f"port {port} of this machine cannot be had" in said
        assert "fab lab --local PORT" in said
    taken = socket.socket()
    try:
        # Whoever has it: it is taken.
        taken.bind(("127.0.0.1", LAB.port))
        taken.listen()
    except OSError:
        pass
    line = [*FAB, "lab", "--no-browser"]
    with subprocess.Popen(line, cwd=lab.folder, env=lab.env, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        found = re.search(r"http://127\.0\.0\.1:(\d+)/lab(\?token=[\w-]{43})", program.stdout.readline())
        assert found
        port, query = int(found[1]), found[2]
        assert port > LAB.port
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/lab{query}", timeout=60).status == 200
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/kernels?token=guessed", timeout=60)
        program.terminate()
    taken.close()


def test_notebooks_and_the_service_outlive_a_reboot_and_the_token_does_not(lab: Box, notebook: str) -> None:
    before, boot = (
        token(lab),
        lab.ssh("cat /proc/sys/kernel/random/boot_id; systemctl show -P UserspaceTimestampMonotonic"),
    )
    lab.ssh("sudo systemd-run --on-active=1 systemctl reboot")

    def is_back() -> bool:
        look = "cat /proc/sys/kernel/random/boot_id; systemctl show -P UserspaceTimestampMonotonic"
        try:
            return lab.ssh(f"{look} && curl -fsS -o /dev/null {SERVER}/api").split() != boot.split()
        except AssertionError:
            return False

    until(is_back, 300, pause=1)
    assert token(lab) != before
    assert [row["name"] for row in ask(lab, "contents")["content"]] == [notebook]
    assert "nothing to do" in lab.fab("setup-jupyter")
    lab.ssh("sudo systemctl stop gpurig-jupyter")
    said = lab.fab("lab", "--no-browser", code=1)
    assert "gpurig-jupyter.service does not run" in said
    assert "fab setup-jupyter starts it again" in said
    lab.fab("setup-jupyter")
    assert ask(lab, "contents")["content"]
