"""What is wrong all the while: full disks, no names, a busy package manager, downloads that are none."""

from __future__ import annotations

import contextlib
import http.server
import subprocess
from collections.abc import Callable
from typing import Any

from tests.faults.box_moments import FILE
from tests.faults.moment import Moment
from tests.faults.strikes import Strike
from tests.faults.world import Done, World
from tests.kit.servers import Handler, serving

HOME = "/var/lib/gpurig"
SMALL = f"""
mkdir -p /run/home
mount --bind {HOME} /run/home
mount -t tmpfs -o {{}} tmpfs {HOME}
cp -a /run/home/. {HOME}
mkdir {HOME}/.filler
cd {HOME}/.filler
"""
"""Puts the program's folder on a disk of its own, with what was in it."""
WHOLE = f"rm -rf {HOME}/.filler; cp -a {HOME}/. /run/home; umount -l {HOME}; umount -l /run/home"
FILL = "dd if=/dev/zero of=zeros bs=64k status=none || true"
ON_VOLUME = "mkdir /jobs/.filler; cd /jobs/.filler\n"
OFF_VOLUME = "rm -rf /jobs/.filler"
INODES = "n=0; { while : >$n; do n=$((n+1)); done; } 2>/dev/null || true"
ALL_INODES = "seq $(df --output=iavail . | tail -1) | xargs touch || true"
NO_NAMES = """
cp /etc/hosts /run/hosts
sed /internal/d /run/hosts >/etc/hosts
echo nameserver 192.0.2.1 >/run/none
mount --bind /run/none /etc/resolv.conf
"""
NAMES = "umount /etc/resolv.conf; cat /run/hosts >/etc/hosts"
SEED = "/var/lib/cloud/seed/nocloud/user-data"
NEW = """
rm -rf /var/lib/gpurig /etc/systemd/system/gpurig* /etc/systemd/system/*.wants/gpurig* /usr/local/sbin/gpurig*
echo 'ssh_deletekeys: false' >/etc/cloud/cloud.cfg.d/98-keys.cfg
cloud-init clean --logs
"""
"""Makes the next boot the first one, but for the host keys, which are not what it is about."""
BUSY = "f = open('/var/lib/dpkg/lock', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); open('/run/busy', 'w'); time.sleep(8)"


def when(condition: Callable[[World], object], back: Callable[[World], object]) -> Strike:
    """Something is wrong all the while, and is put right after the command has ended."""

    def strike(world: World, moment: Moment) -> Done:
        moment.release(world)
        condition(world)
        try:
            return world.run(*moment.words(world))
        finally:
            back(world)

    return strike


def on_the_box(there: str, back: str) -> Strike:
    """Something is wrong on the box: what brings it about there, and what puts it right."""
    return when(lambda world: world.on_box(there), lambda world: world.on_box(back))


def _here(world: World, script: str) -> None:
    folder = world.user.project / "fetched"
    folder.mkdir(exist_ok=True)
    subprocess.run(["sh", "-ec", script], cwd=folder.parent, check=True)


def served(**how: Any) -> Strike:
    """The web server gives what the recipe downloads as `how` says, and well after that."""
    return when(lambda world: world.serve("faulty", **{"data": FILE, **how}), lambda world: world.serve("faulty", FILE))


full = on_the_box(SMALL.format("size=64m") + FILL, WHOLE)
inodes_gone = on_the_box(SMALL.format("size=64m,nr_inodes=2000") + INODES, WHOLE)
volume_full = on_the_box(ON_VOLUME + FILL, OFF_VOLUME)
volume_inodes_gone = on_the_box(ON_VOLUME + ALL_INODES, OFF_VOLUME)
no_names = on_the_box(NO_NAMES, NAMES)
laptop_full = when(
    lambda world: _here(world, "mount -t tmpfs -o size=50m tmpfs fetched"), lambda world: _here(world, "umount fetched")
)
corrupt = served(data=b"something else" * 1000)
cut = served(cuts=100)


def apt_locked(world: World, moment: Moment) -> Done:
    """Somebody else's package manager is at work, and ends after a while."""
    moment.release(world)
    world.on_box(
        f'systemd-run --quiet python3 -c "import fcntl, time; {BUSY}"; until [ -e /run/busy ]; do sleep 0.1; done'
    )
    done = world.run(*moment.words(world))
    said = world.on_box("rm /run/busy; cat /var/lib/gpurig/logs/faulty.log")
    assert "waiting for another package manager" in said, said
    return done


def first_boot(there: str, back: str, ended: str) -> Strike:
    """The box is a new one, and its first boot goes wrong: `ended` is what cloud-init itself calls that."""

    def strike(world: World, moment: Moment) -> Done:
        moment.release(world)
        world.on_box(NEW + there)
        world.reboot()
        done = world.run(*moment.words(world))
        assert world.box
        said = world.box.do("cloud-init status --wait --long", code=None)
        assert ended in said, f"nothing went wrong: {said}"
        world.on_box(back)
        return done

    return strike


BAD_FILE = "/etc/cloud/cloud.cfg.d/99-fault.cfg"
cloud_init_fails = first_boot(
    f"echo 'write_files: [{{path: /proc/none, content: x}}]' >{BAD_FILE}", f"rm {BAD_FILE}", "status: error"
)
"""A module fails: exit code 1 of `cloud-init status`."""
cloud_init_degraded = first_boot(
    f"cp {SEED} /root/seed; head -c 5000 /root/seed >{SEED}", f"cp /root/seed {SEED}", "degraded"
)
"""The user-data is cut, and nothing of it comes about: exit code 2, or 0 and a word (Ubuntu 22.04)."""


class _Endless(Handler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"and so on\n" * 10_000)


def endless(world: World, moment: Moment) -> Done:
    """The web server never comes to the end of what it gives, and the disk for it does."""
    moment.release(world)
    address = world.user.cloud.boxes["caller"]
    server = http.server.ThreadingHTTPServer((address, 0), _Endless)
    small = "mkdir -p /srv/faulty; mount -t tmpfs -o size=30m tmpfs /srv/faulty; cp /srv/faulty.url /run/url"
    with serving(server):
        world.on_box(f"{small}; echo http://{address}:{server.server_port}/faulty >/srv/faulty.url")
        done = world.run(*moment.words(world))
    world.on_box("cp /run/url /srv/faulty.url")
    return done
