"""What only a real box shows: what systemd opens as root, who may read a run, and where its secrets are not."""

from __future__ import annotations

import hashlib
import re
import shlex
from pathlib import Path

import pytest

from provision.bundle.render import render
from provision.model.errors import GpurigError
from provision.model.target import Target
from provision.screen.progress import PlainView
from provision.tasks import setting_up
from provision.transport.session import Session
from tests.box.user import User
from tests.kit.box import quiet, run
from tests.kit.catalogue import LICENCES

SECRET = "c0ffee-of-the-lab"
VALUE = f"{SECRET} $HOME 'as it is'"


def test_the_secrets_of_a_run_reach_it_and_nobody_else(user: User) -> None:
    (user.folder / "lab.env").write_text(f'WANDB_API_KEY="{VALUE}"\n')
    words = 'printf %s "$WANDB_API_KEY" | sha256sum; touch $GPURIG_RESULTS/weights; sleep 1000'
    user.fab("run", "--name", "mine", "--env-file", "lab.env", "--detach", "--command", words)
    expected = hashlib.sha256(VALUE.encode()).hexdigest()
    user.root(f"until grep -q {expected} /jobs/runs/mine/log; do sleep 0.1; done")
    said = user.root("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; systemctl show gpurig-run-mine; journalctl --no-pager")
    said += user.root("cat /run/systemd/transient/gpurig-run-mine.service /var/lib/gpurig/*.json*")
    said += user.root("cat /jobs/runs/mine/run.json /jobs/runs/mine/script /jobs/runs/mine/log")
    said += user.fab("ps", "--json") + user.fab("logs", "mine") + user.fab("status")
    user.fab("timeline", "--output", "page.html")
    said += (user.folder / "page.html").read_text() + user.fab("cancel", "mine")
    assert "mine" in said
    assert SECRET not in said
    user.fab("fetch", "mine", "--into", "by-name")
    user.fab("fetch", "runs/*", "--into", "by-pattern")
    fetched = [path for path in user.folder.rglob("*") if path.is_file() and path.name != "lab.env"]
    assert {"weights", "script", "run.json"} <= {path.name for path in fetched}
    assert not [path for path in fetched if SECRET.encode() in path.read_bytes()]


def test_a_run_is_its_accounts_alone_and_so_is_what_was_started_before_that(user: User) -> None:
    user.root(
        "install -d -o ubuntu /jobs /jobs/runs /jobs/runs/old; install -o ubuntu -m 644 /etc/hosts /jobs/runs/old/a"
    )
    user.fab("run", "--name", "mine", "--command", "echo $WANDB_API_KEY; env WANDB_API_KEY=x true")
    assert user.root("find /jobs/runs/mine -perm /077 ; find /jobs/runs ! -user ubuntu") == ""
    assert "script" in user.root("find /jobs/runs/mine")
    for path in ("mine/script", "mine/run.json", "mine/log", "old/a"):
        assert "Permission denied" in user.root(f"runuser -u nobody -- cat /jobs/runs/{path} 2>&1 || true")
    # What a setup says may name what it was given, too.
    assert set(user.root("stat -c %a /var/lib/gpurig/journal.jsonl /var/lib/gpurig/logs/*").split()) == {"600"}


def test_the_log_of_a_run_that_goes_on_is_opened_as_the_account(user: User) -> None:
    user.fab("run", "--name", "mine", "--command", "echo written")
    record = "/jobs/runs/mine"
    # Cut off, as at the end of a box; and in the log's place a link of the account's.
    user.root(f"mkdir -m 755 /srv/precious; echo precious >/srv/precious/file; truncate -s 0 {record}/end")
    user.root(f"runuser -u ubuntu -- ln -sfn /srv/precious/file {record}/log")
    user.fab("resume", "mine", code=1)
    user.root(f"runuser -u ubuntu -- ln -sfn /srv/precious/new {record}/log; truncate -s 0 {record}/end")
    user.fab("resume", "mine", code=1)
    assert user.root("cd /srv/precious; ls; cat file") == "file\nprecious\n"


def test_the_service_of_digits_gives_no_folder_of_roots_away(user: User) -> None:
    step = next(step for step in render(["digits"], Target(gpu="T4", licences=LICENCES)).steps if step.name == "digits")
    text = next(file["content"] for file in step.files if file["path"].endswith("/digits.service"))
    lines = re.findall(r"^(?:User|ExecStartPre)=.*", text, re.MULTILINE)
    assert [line for line in lines if "/jobs/digits" in line]
    unit = shlex.join(["[Service]", "Type=oneshot", *lines, "ExecStart=/bin/true"])
    user.root(f"printf '%s\\n' {unit} >/run/systemd/system/links.service; systemctl daemon-reload")
    user.root("install -d -o ubuntu /jobs; mkdir -m 755 /srv/precious")
    assert user.root("systemctl start links; stat -c %U /jobs/digits; rmdir /jobs/digits") == "ubuntu\n"
    user.root("runuser -u ubuntu -- ln -sfn /srv/precious /jobs/digits; systemctl start links || true")
    assert user.root("stat -c %U /srv/precious; rm /run/systemd/system/links.service") == "root\n"


def test_what_the_account_puts_in_an_uploads_place_becomes_nothing_of_roots(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    (user.folder / "cudnn.tgz").write_text("sent")
    user.root("mkdir -m 700 /srv/precious; echo sent >/srv/precious/file; echo other >/tmp/other; chmod 644 /tmp/other")
    real = setting_up._put
    for attack in ("/srv/precious/file", "/tmp/other"):  # noqa: S108 - of the box

        def put(session: Session, path: Path, name: str, attack: str = attack) -> str:
            place = real(session, path, name)
            run(user.machine, f"runuser -u ubuntu -- ln -sfn {attack} {place}")
            return place

        monkeypatch.setattr(setting_up, "_put", put)
        with Session(user.machine.host, tell=quiet) as session, pytest.raises(GpurigError, match="did not arrive"):
            setting_up._send(session, "cudnn", user.folder / "cudnn.tgz", PlainView())
        assert user.root("ls /var/lib/gpurig/uploads; stat -c %U /tmp/other /srv/precious/file") == "root\nroot\n"
