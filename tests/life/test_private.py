"""A box without a public address in a lab's network, behind a bastion: every way that `fab` takes goes through it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from provision.transport import host_keys
from rehearsal.user import User
from tests.kit.cloud import run, tcp
from tests.kit.network import Lab
from tests.kit.wait import until
from tests.life.fleet import fab

CONFIG = {"jobVolumeGib": "1", "hosts": "1", "access": "private"}


def bastion(user: User, lab: Lab) -> str:
    """Boot the lab's bastion, which lets this machine in; return its address, its key in the user's known_hosts."""
    ec2 = lab.ec2
    key = (user.site.state / "id_ed25519.pub").read_bytes()
    ec2.import_key_pair(KeyName="bastion", PublicKeyMaterial=key)
    rule = tcp(22, f"{user.cloud.boxes['caller']}/32")
    ec2.authorize_security_group_ingress(GroupId=lab.bastion_group, IpPermissions=rule)
    image = ec2.describe_images(Owners=["099720109477"])["Images"][0]["ImageId"]
    where = {"SubnetId": lab.public, "SecurityGroupIds": [lab.bastion_group]}
    row = run(ec2, ImageId=image, InstanceType="t3.micro", KeyName="bastion", **where)
    console = {"InstanceId": row["InstanceId"], "Latest": True}
    until(lambda: host_keys.keys_in(ec2.get_console_output(**console).get("Output", "")), 600, pause=1)
    return str(row["PublicIpAddress"])


def known(user: User, lab: Lab, address: str) -> str:
    """Return the bastion's lines of known_hosts."""
    (row,) = lab.ec2.describe_instances(Filters=[{"Name": "ip-address", "Values": [address]}])["Reservations"]
    console = {"InstanceId": row["Instances"][0]["InstanceId"], "Latest": True}
    keys = host_keys.keys_in(user.cloud.client("ec2").get_console_output(**console)["Output"])
    return "".join(f"{address} {key}\n" for key in keys)


def test_a_private_box_lives_behind_its_bastion(user: User, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    (tmp_path / ".ssh").mkdir()
    lab = Lab(user.cloud.client("ec2"))
    address = bastion(user, lab)
    reach = {"bastion": f"ubuntu@{address}", "bastionGroup": lab.bastion_group, "subnetId": lab.private}
    for key, value in reach.items():
        user.config(key, value)
    user.up()
    (box,) = user.hosts()
    assert box["address"].startswith("10.7.1."), "it has no other"
    said = fab(user, "ssh", "--command", "true", code=5, env=home).stderr
    assert f"the key of ubuntu@{address}" in said, "no bastion is trusted on first use"
    (tmp_path / ".ssh" / "known_hosts").write_text(known(user, lab, address))
    assert fab(user, "ssh", "--command", "echo $SSH_CONNECTION", env=home).stdout.split()[0].startswith("10.7.0.")

    fab(user, "setup-base", env=home)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("print('trained')\n")
    sent = fab(user, "sync", str(tmp_path / "code"), env=home)
    assert "finds no way" not in sent.stderr, "rsync goes through as well"
    fab(user, "run", "--name", "t", "--", "echo trained > results/out", env=home)
    fab(user, "fetch", "t", env=home)
    fab(user, "ssh-config", "--yes", env=home)
    own = ["-F", str(tmp_path / ".ssh" / "config"), "-i", str(user.site.state / "id_ed25519")]
    plain = ["ssh", *own, "box", "echo in"]
    done = subprocess.run(plain, env={**user.site.env, **home}, capture_output=True, text=True, check=True)
    assert done.stdout == "in\n"

    fab(user, "stop", "--yes", env=home)
    assert "is stopped since" in fab(user, "status", code=4, env=home).stderr
    fab(user, "start", env=home)
    assert "trained" in fab(user, "ssh", "--command", "cat /jobs/runs/t/results/out", env=home).stdout
    before = lab.described()
    user.destroy()
    assert lab.described() == before
