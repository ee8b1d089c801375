"""A laptop that is no Linux, as far as this machine can be one: what others lack is taken away from our modules."""

from __future__ import annotations

from pathlib import Path

from tests.kit.fab import clean_environment

# Read by Python before anything else. The modules of others are loaded first: they stay as this system needs them.
_AWAY = """
import builtins, os, signal, sys, types
import concurrent.futures, ensurepip, getpass, http.server, multiprocessing, shutil, socket, socketserver
import ssl, subprocess, tempfile, uuid, webbrowser
import botocore.session, fabric.main, invoke, jinja2, paramiko
import rich.console, rich.live, rich.markup, rich.spinner, rich.table
GONE = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}
OURS = {"__main__", "fabfile", "gpurig", "infra", "provision", "setup"}
real = builtins.__import__
def ours_go_without(name, globals=None, *more, **named):
    if name in GONE and str((globals or {}).get("__name__")).partition(".")[0] in OURS:
        raise ModuleNotFoundError(f"No module named {name!r}")
    return real(name, globals, *more, **named)
def refused(*_, **__):
    raise OSError(1314, "A required privilege is not held by the client")
builtins.__import__ = ours_go_without
for name in ("chown", "fork", "getegid", "geteuid", "getgid", "getuid", "killpg", "setsid"):
    delattr(os, name)
for name in ("SIGALRM", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGUSR1", "SIGWINCH"):
    delattr(signal, name)
os.symlink = os.link = refused
started = subprocess.Popen.__init__
def popen(self, *words, **how):
    if any(isinstance(how.get(stream), socket.socket) for stream in ("stdin", "stdout", "stderr")):
        raise OSError(9, "Bad file descriptor")
    started(self, *words, **how)
subprocess.Popen.__init__ = popen
def execvp(*_):
    raise AssertionError("nothing waits for what takes a program's place there")
os.execvp = execvp
class Msvcrt(types.ModuleType):
    LK_NBLCK, LK_UNLCK = 2, 0
    held = []
    def locking(self, file, mode, size):
        if mode == self.LK_NBLCK and len(self.held) == 1:
            self.held.append("asked again")
            raise OSError(13, "Permission denied")
        self.held.append(mode)
def which(program, mode=os.X_OK, path=None):
    places = [os.path.join(folder, program) for folder in (path or os.environ["PATH"]).split(":")]
    return next((place for place in places if os.access(place, mode) and os.path.isfile(place)), None)
shutil.which = which  # a name without .exe, as programs have it here
sys.modules["msvcrt"] = Msvcrt("msvcrt")
sys.platform = "win32"
"""
OPENRSYNC = """if [ "$1" = --version ]; then
  printf 'openrsync: protocol version 29\\nrsync version 2.6.9 compatible\\n'
  exit
fi
echo "rsync: unrecognized option '--protect-args'" >&2
exit 1"""
"""What macOS brings, in bash: by its own word and its exit code, as of macOS 15 (found in reports of users)."""


def windows(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment in which `fab` and Python find themselves on Windows; `folder` holds what makes it so."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_AWAY, encoding="utf-8")
    return clean_environment(**{"PYTHONPATH": str(folder), "USERNAME": "me", "PATH": "/usr/bin:/bin", **more})
