"""A box whose job volume belongs to an account that plants links, and what is root's beside it."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.kit.host import Lab
from tests.kit.programs import write_program

USER = "nobody"
SECRET = "the-secret-of-root"
SNAPSHOT = "snap-0123"
# Answers a request after the other, each in a process of its own: to start Python for each would take minutes.
SERVER = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from provision.agent import datasets, leave, overview, restore, resume, serve, start, transfer, volume
for line in sys.stdin:
    whole = json.loads(line)
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        print(json.dumps(open(sys.argv[2], errors="replace").read()), flush=True)
        continue
    out = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1), os.dup2(out, 2)
    try:
        request = whole.get("request")
        if isinstance(request, dict) and "more" in request:
            getattr(leave, request["verb"].partition(":")[2])(whole["account"], *request["more"])
        else:
            serve.main({}, whole)
    except BaseException as error:
        print(repr(error))
    sys.stdout.flush()
    os._exit(0)
"""
RUN = {
    "name": "train-1",
    "command": "true",
    "asked": "",
    "recipe": "",
    "folder": "/",
    "user": USER,
    "since": 1.0,
    "resume": "",
    "once": False,
}
# What a reader of any of the account's files would take for a whole one.
PRECIOUS = {**RUN, "command": SECRET, "order": "put", "counts": {SECRET: 1}}


class Volume:
    """The job volume of a lab, and `vault`, where nothing is the account's."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        self.jobs, self.vault = folder / "jobs", folder / "vault"
        self.shadow, self.preload, self.etc = self.vault / "shadow", self.vault / "preload", self.vault / "etc"
        self.started = folder / "started"
        """The words that systemd-run got, a line each."""
        each = 'for _ in "${@:2}"; do echo inactive; done'  # a line for each service that is asked about
        write_program(lab.bin / "systemctl", f'if [ "$1" = is-active ]; then {each}; else echo inactive; fi')
        write_program(lab.bin / "systemd-run", f'printf "%s\\n" "$@" >{self.started}')
        write_program(lab.bin / "wall", "true")
        write_program(lab.bin / "umount", 'rm -r "$1"/*')
        write_program(lab.bin / "mount", f'/bin/cp -r {folder}/snapshot/. "${{@: -1}}"')
        lab.edit("service", 'Path("/run/systemd/system").is_dir()', "True")
        lab.edit("leave", "SETTLE = 2", "SETTLE = 0")
        lab.edit("volume", '"/run/gpurig/restore"', repr(str(folder / "mounts")))
        lab.edit("volume", 'Path("/proc").glob("[0-9]*")', "()")  # of a machine with other work it takes a second
        lab.edit("restore", "while device_of(volume_id) is None", "while False")
        self._make_vault()
        (folder / "snapshot" / "work" / "net").mkdir(parents=True)
        (folder / "snapshot" / "work" / "net" / "weights").write_text("weights")
        self.server = subprocess.Popen(
            [sys.executable, "-IS", "-c", SERVER, str(lab.program), str(folder / "answer")],
            env=lab.env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def _make_vault(self) -> None:
        self.etc.mkdir(parents=True)
        (self.etc / "passwd").write_text(SECRET)
        self.shadow.write_text(json.dumps(PRECIOUS))
        for path in (self.shadow, self.etc / "passwd"):
            path.chmod(0o600)

    def end(self) -> None:
        """End the server."""
        self.server.communicate("", 60)

    def fill(self) -> None:
        """Have a run that was cut off, a data set, an upload and a synced folder there, all the account's."""
        shutil.rmtree(self.jobs, ignore_errors=True)
        run, sets = self.jobs / "runs" / "train-1", self.jobs / "datasets"
        for folder in (run / "results", sets / "birds", sets / ".birds.part" / "put", self.jobs / "work" / "net"):
            folder.mkdir(parents=True)
        (run / "run.json").write_text(json.dumps(RUN))
        (run / "end").write_text(" " * 255 + "\n")
        (run / "log").write_text("of the run\n")
        (run / "results" / "weights").write_text("weights")
        (sets / ".birds.json").write_text('{"order": "put"}')
        (sets / "birds" / "manifest.json").write_text('{"counts": {"pictures": 3}}')
        (self.jobs / "work" / "net" / "train.py").write_text("print()")
        entry = pwd.getpwnam(USER)
        for top, names, files in os.walk(self.jobs):
            for name in (".", *names, *files):
                os.chown(Path(top, name), entry.pw_uid, entry.pw_gid, follow_symlinks=False)

    def plant(self, spot: str, kind: str) -> None:
        """Put something of another place where the account's own was, as the account could."""
        path = self.jobs / spot
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "hard link":
            path.hardlink_to(self.shadow)
        else:
            path.symlink_to({"link": self.shadow, "dangling link": self.preload, "link to a folder": self.etc}[kind])
            entry = pwd.getpwnam(USER)
            os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)

    def ask(self, verb: str, user: str = USER, **fields: Any) -> str:
        """Return all that is answered to a request."""
        account = {"user": user, "mount_point": str(self.jobs), "volume_id": ""}
        return self.send({"request": {"verb": verb, **fields}, "account": account})

    def send(self, whole: dict[str, Any]) -> str:
        """Return all that is answered to what a client sends."""
        assert self.server.stdin
        assert self.server.stdout
        self.server.stdin.write(f"{json.dumps(whole)}\n")
        self.server.stdin.flush()
        answer: str = json.loads(self.server.stdout.readline())
        return answer

    def precious(self) -> list[tuple[object, ...]]:
        """Return all that can be seen of what is root's: names, owners, modes, times, links and bytes."""
        rows: list[tuple[object, ...]] = []
        for path in sorted([self.vault, *self.vault.rglob("*")]):
            state = path.lstat()
            data = path.read_bytes() if path.is_file() else b""
            rows.append((str(path), state.st_uid, state.st_gid, state.st_mode, state.st_mtime_ns, data))
        return rows

    def tells(self, answer: str) -> bool:
        """Return whether an answer holds anything of what only root may read."""
        return SECRET in answer or any(
            hashlib.sha256(path.read_bytes()).hexdigest() in answer for path in (self.shadow, self.etc / "passwd")
        )
