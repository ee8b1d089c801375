"""A real box is stopped past and by `fab`, found again, and reached by OpenSSH and rsync as before."""

from __future__ import annotations

import subprocess
from pathlib import Path

from rehearsal.user import User
from tests.life.fleet import fab

CONFIG = {"jobVolumeGib": "1", "hosts": "1"}


def openssh(user: User, home: Path, *words: str, code: int = 0) -> str:
    """Run a program of OpenSSH's kind with the user's own file."""
    program, *rest = words
    config = str(home / ".ssh" / "config")
    command = [program, "-e", f"ssh -F {config}", *rest] if program == "rsync" else [program, "-F", config, *rest]
    done = subprocess.run(command, env=user.site.env, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_box_is_stopped_and_started_and_stays_the_same_box(user: User, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    user.up()
    user.fab("setup-base")
    fab(user, "ssh-config", "--yes", env=home)
    user.on_box("echo precious | sudo tee /jobs/precious >/dev/null; sync")
    user.fab("run", "--name", "long", "--detach", "--", "sleep 1000")
    (before,) = user.hosts()
    pins = (user.project / ".gpurig" / "known_hosts").read_text()

    assert "box: the run long" in fab(user, "stop", code=2).stderr
    assert user.on_box("cat /jobs/precious") == "precious\n"
    assert "is stopped; its disks (" in fab(user, "stop", "--yes").stdout
    for words in (("status",), ("logs", "long"), ("ssh", "--command", "true")):
        said = fab(user, *words, code=4).stderr
        assert f"box ({before['instanceId']}) is stopped since" in said
        assert "fab start --limit box" in said

    done = fab(user, "start", env=home)
    address = done.stdout.partition(" runs at ")[2].partition(",")[0]
    assert address not in ("", before["address"])
    assert user.on_box("cat /jobs/precious") == "precious\n"
    assert "lost" in fab(user, "ps").stdout
    assert (user.project / ".gpurig" / "known_hosts").read_text() == pins

    assert openssh(user, tmp_path, "ssh", "box", "cat /jobs/precious") == "precious\n"
    (tmp_path / "sent").write_text("by rsync\n")
    openssh(user, tmp_path, "rsync", "-a", f"{tmp_path}/sent", "box:sent")
    assert user.on_box("cat sent") == "by rsync\n"

    # Switched on and off past fab: an idle stop, and the console of AWS.
    ec2 = user.cloud.client("ec2")
    ec2.stop_instances(InstanceIds=[before["instanceId"]])
    ec2.start_instances(InstanceIds=[before["instanceId"]])
    done = fab(user, "status", env=home)
    assert "box is at " in done.stderr
    assert openssh(user, tmp_path, "ssh", "box", "cat /jobs/precious") == "precious\n"
    user.destroy()
    fab(user, "ssh-config", "--remove", env=home)
    assert not (tmp_path / ".ssh" / "gpurig").exists()
