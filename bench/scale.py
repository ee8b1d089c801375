"""What 1, 24 and 100 hosts cost the laptop: time, CPU, memory, threads, files, bytes; 1,000 are reckoned from these.

All names are one box's, which answers as many at once as it can: what a fleet's own machines would do beside each other
is one machine's work here, so that seconds of the wall say less than the CPU time of `fab` and what it holds. Of the
box only `MaxStartups` is another than sshd's own: in a fleet each machine has that to itself.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.footprint import taken
from provision.model.host import Host
from provision.transport.way import ssh_command
from rehearsal.errors import RehearsalError
from rehearsal.site import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.footprint import Footprint
    from rehearsal.user import User

COUNTS = (1, 24, 100)
RECKONED = 1000
CORES, MEGABYTES = 1.0, 500
"""What `fab` is to stay below at the most of these."""
LINES, SECONDS = 50, 10
"""What a step and a run say: so many lines a second, for so many seconds."""
TALK = (
    f"for n in $(seq {LINES * SECONDS}); do echo line $n of a build that says what it does, as builds do; "
    f"sleep {1 / LINES}; done"
)
RUN = "talk"
VERBS = {
    "ssh": ("ssh", "--command", "true"),
    "status": ("status",),
    "plan": ("plan", "--recipe", "base"),
    "setup, nothing to do": ("setup-base",),
    "setup that talks": ("setup-talk", "--fresh"),
    "logs": ("logs", RUN),
    "logs --follow": ("logs", "NEW", "--follow"),
}


@dataclasses.dataclass(frozen=True)
class Crowd:
    """So many names of one box, in a hosts file of a folder that is a user's home, too."""

    user: User
    row: dict[str, Any]
    count: int

    @property
    def folder(self) -> Path:
        """Return where its files are."""
        return self.user.site.state / f"crowd-{self.count}"

    def lay_out(self) -> None:
        """Write the hosts file, known_hosts with a line for each of them and more, and a recipe that talks."""
        address, user = self.row["address"], self.row["user"]
        entry = f'address = "{address}"\nuser = "{user}"\ngpu = "none"\nrecipe = "base"\n'
        (self.folder / ".ssh").mkdir(parents=True)
        names = [f"h-{number:03}" for number in range(1, self.count + 1)]
        (self.folder / "hosts.toml").write_text("".join(f"[host.{name}]\n{entry}" for name in names), encoding="utf-8")
        pins = (self.user.project / ".gpurig" / "known_hosts").read_text(encoding="utf-8")
        mine = pins.replace(self.row["instanceId"], address)
        others = [mine.replace(address, f"192.0.2.{number}") for number in range(1, self.count)]
        (self.folder / ".ssh" / "known_hosts").write_text("".join([*others, mine]), encoding="utf-8")
        work = {"key": str(self.user.site.key), "hosts": [{"address": address, "user": user}] * self.count}
        (self.folder / "work.json").write_text(json.dumps(work), encoding="utf-8")
        recipe = self.folder / "recipes" / "talk"
        recipe.mkdir(parents=True)
        (recipe / "recipe.toml").write_text('summary = "talks"\nversion = "1"\n', encoding="utf-8")
        (recipe / "install.sh.j2").write_text(f"{TALK}\n", encoding="utf-8")
        (recipe / "verify.sh.j2").write_text("true\n", encoding="utf-8")

    def ask(self, words: Sequence[str]) -> Footprint:
        """Run `fab` over all of them. Raises `RehearsalError` where it fails."""
        return self._run(["fab", *words], self.user.project)

    def group(self) -> Footprint:
        """Have Fabric's own group of hosts run `true`."""
        return self._run([sys.executable, str(ROOT / "bench" / "peers" / "group.py"), "work.json"], self.folder)

    def shells(self) -> Footprint:
        """Log in by as many `ssh` at once. Of several processes, memory and threads are those of one."""
        host = Host(name="h", address=self.row["address"], user=self.row["user"])
        known = [
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            f"UserKnownHostsFile={self.folder / '.ssh' / 'known_hosts'}",
        ]
        ssh, *words = ssh_command(host, identity=str(self.user.site.key))
        begin = f"subprocess.Popen({[ssh, *known, *words, 'true']!r}, stdin=subprocess.DEVNULL)"
        script = f"import subprocess, sys\nall = [{begin} for _ in range({self.count})]\n"
        return self._run([sys.executable, "-c", script + "sys.exit(any([one.wait() for one in all]))"], self.folder)

    def _run(self, command: list[str], folder: Path) -> Footprint:
        own = {"HOME": str(self.folder), "GPURIG_HOSTS": str(self.folder / "hosts.toml")}
        env = {**self.user.site.env, **own, "GPURIG_RECIPES": str(self.folder / "recipes")}
        found = taken(command, folder, env)
        if found.code:
            said = (found.said + found.complaints)[-3000:]
            raise RehearsalError(f"`{' '.join(command)[:200]}` ended with exit code {found.code}:\n{said}")
        return found


def measure(user: User) -> dict[str, float]:
    """Return what each verb took at each count, and what it would at a thousand."""
    user.config("jobVolumeOnDestroy", "delete")
    user.up()
    user.fab("setup-base")
    prepare(user)
    row = user.hosts()[0]
    figures: dict[str, float] = {}
    for count in COUNTS:
        figures |= asked(Crowd(user, row, count))
    user.destroy()
    figures |= reckoned(figures)
    return figures


def prepare(user: User) -> None:
    """Have the box let in as many as come, and leave a run's log on it."""
    user.on_box("echo MaxStartups 1000 | sudo tee /etc/ssh/sshd_config.d/00-bench.conf && sudo systemctl reload ssh")
    user.fab("run", "--name", RUN, "--", TALK)


def asked(crowd: Crowd) -> dict[str, float]:
    """Return what each verb took over a crowd, beside what others take to log in."""
    crowd.lay_out()
    link = _link(crowd.row["address"])
    figures: dict[str, float] = {}
    peers = {"ssh true": crowd.shells, "Fabric's group": crowd.group}
    for name in (*peers, *VERBS):
        words = [word.replace("NEW", f"{RUN}-{crowd.count}") for word in VERBS.get(name, ())]
        if "--follow" in words:
            crowd.user.fab("run", "--detach", "--name", words[1], "--", TALK)
        before = _bytes(link)
        found = peers[name]() if name in peers else crowd.ask(words)
        figures |= _told(f"{name}, {crowd.count}", crowd.count, found, _bytes(link) - before)
    return figures


def _told(name: str, count: int, found: Footprint, size: int) -> dict[str, float]:
    """Print a row, and return its figures."""
    row = {
        "s": found.wall,
        "s of CPU": found.cpu,
        "cores": found.cores,
        "MB": found.megabytes,
        "threads": found.threads,
        "files": found.files,
        "hosts a second": count / found.wall,
        "KB on the wire": size / 1000,
        "KB shown": len(found.said) / 1000,
    }
    print(f"{name:<28}" + "  ".join(f"{value:.4g} {unit}" for unit, value in row.items()), flush=True)
    return {f"{name}, {unit}": value for unit, value in row.items()}


def reckoned(figures: dict[str, float]) -> dict[str, float]:
    """Return what a thousand hosts would take, on the line through the last two counts."""
    less, more = COUNTS[-2:]
    found: dict[str, float] = {}
    for name in ("ssh true", "Fabric's group", *VERBS):
        row = {}
        for unit in ("s of CPU", "MB", "threads", "files", "KB on the wire"):
            low, high = (figures[f"{name}, {count}, {unit}"] for count in (less, more))
            row[unit] = high + (high - low) / (more - less) * (RECKONED - more)
        print(f"{name}, {RECKONED:,}, reckoned: " + "  ".join(f"{value:.4g} {unit}" for unit, value in row.items()))
        found |= {f"{name}, {RECKONED}, reckoned, {unit}": value for unit, value in row.items()}
    for unit, most in (("cores", CORES), ("MB", MEGABYTES)):
        worst = max(figures[f"{name}, {more}, {unit}"] for name in VERBS)
        print(f"the most {unit} of any verb over {more} hosts: {worst:.2f}     (aim: below {most:g})", flush=True)
        found[f"most {unit}, {more}"] = worst
    return found


def _link(address: str) -> Path:
    """Return where the kernel counts the bytes of the link to an address."""
    route = subprocess.run(["ip", "route", "get", address], capture_output=True, text=True, check=True).stdout
    return Path("/sys/class/net") / route.partition(" dev ")[2].split()[0] / "statistics"


def _bytes(link: Path) -> int:
    return sum(int((link / name).read_text(encoding="ascii")) for name in ("rx_bytes", "tx_bytes"))
