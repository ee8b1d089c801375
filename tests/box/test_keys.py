"""`fab keys` on a real box: who logs in is asked of its sshd."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.life import keys
from provision.model.errors import GpurigError
from provision.model.public_key import PublicKey
from provision.transport.session import Session
from tests.kit.box import Machine, quiet, run
from tests.kit.fab import fab_ends

AUTHORIZED = "/home/ubuntu/.ssh/authorized_keys"


@pytest.fixture
def lab(machine: Machine, home: Path) -> Iterator[Path]:
    """The box as a machine of one's own that wants a second key; its file is put back afterwards."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada@lab", "-f", str(home / "ada")], check=True
    )
    head = f'[host.box]\naddress = "{machine.host.address}"\nuser = "ubuntu"\ngpu = "none"\n'
    (home / "hosts.toml").write_text(f'{head}keys = ["{home}/ada.pub"]\n')
    run(machine, f"cp -p {AUTHORIZED} {AUTHORIZED}.before")
    yield home
    run(machine, f"mv {AUTHORIZED}.before {AUTHORIZED}")


def logs_in(machine: Machine, key: Path) -> bool:
    """Say whether a key, and nothing else, opens a session."""
    line = ["ssh", "-i", str(key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]
    line += ["-o", "UserKnownHostsFile=/dev/null", f"ubuntu@{machine.host.address}", "true"]
    return subprocess.run(line, capture_output=True, check=False).returncode == 0


def test_keys_come_and_go_and_the_last_way_in_stays(
    machine: Machine, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = f'# by hand\\nfrom=\\"192.0.2.1\\" {PublicKey.read(str(lab / "ada.pub"))} elsewhere'
    run(
        machine,
        f'printf "{theirs}\\n" | sed s/AAAAC3NzaC1lZDI1NTE5AAAAI[A-Z]/AAAAC3NzaC1lZDI1NTE5AAAAIz/ >>{AUTHORIZED}',
    )
    before = run(machine, f"cat {AUTHORIZED}")
    assert not logs_in(machine, lab / "ada")
    shown = fab_ends(0, "keys").stdout
    assert "ada@lab  hosts.toml, and is not there: fab keys --put" in shown
    fab_ends(0, "keys", "--put")
    assert logs_in(machine, lab / "ada")
    assert run(machine, f"cat {AUTHORIZED}").startswith(before), "lines of others stay as they are"
    assert run(machine, f"stat -c '%a %U' {AUTHORIZED}").split() == ["600", "ubuntu"]
    rows = json.loads(fab_ends(0, "keys", "--json").stdout)["keys"]
    assert [row["there"] for row in rows if row["by"] == "hosts.toml"] == [True]

    # The key that this user logs in with: without it he would be out, whoever else is in.
    first = PublicKey.read(str(machine.key.with_suffix(".pub"))).fingerprint
    assert "none of your keys logs in without it: put back" in fab_ends(1, "keys", "--remove", first).stderr
    assert logs_in(machine, machine.key)
    monkeypatch.setenv("GPURIG_SSH_KEY", str(lab / "ada"))
    fab_ends(0, "keys", "--remove", first)
    assert not logs_in(machine, machine.key)
    run(machine.__class__(**{**vars(machine), "key": lab / "ada"}), f"sed -i /192.0.2.1/d {AUTHORIZED}")
    assert "no key would be left that logs in" in fab_ends(2, "keys", "--remove", "ada@lab").stderr
    assert logs_in(machine, lab / "ada")


def test_a_link_is_not_followed_and_two_at_once_wait_for_each_other(
    machine: Machine, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "WAIT_S", 0.3)
    ada = PublicKey.read(str(lab / "ada.pub"))
    with Session(machine.host, tell=quiet) as session:
        run(machine, f"sudo -u ubuntu touch {AUTHORIZED[: -len('authorized_keys')]}.authorized_keys.gpurig")
        with pytest.raises(GpurigError, match="are held"):
            keys.put(session, [ada])
        run(machine, f"rm {AUTHORIZED[: -len('authorized_keys')]}.authorized_keys.gpurig")
        run(
            machine,
            f"mv {AUTHORIZED} /home/ubuntu/elsewhere && sudo -u ubuntu ln -s /home/ubuntu/elsewhere {AUTHORIZED}",
        )
        with pytest.raises(GpurigError, match="is no plain file"):
            keys.put(session, [ada])
        run(machine, f"mv -T /home/ubuntu/elsewhere {AUTHORIZED}")
        assert keys.put(session, [ada]) == 1
    assert run(machine, "ls -A /home/ubuntu/.ssh").split() == ["authorized_keys", "authorized_keys.before"]
