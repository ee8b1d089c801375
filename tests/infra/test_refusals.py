"""Bad input: refused before anything is made, every problem at once, each with its key, its value and the way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest

from tests.infra.aws import Aws
from tests.infra.lab import GOOD, PUBLIC_KEY, refused, run


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("hostName", "My Box", "a-z, 0-9 and -"),
        ("hosts", "0", "from 1 to 50"),
        ("hosts", "51", "from 1 to 50"),
        ("hosts", "some", "from 1 to 50"),
        ("jobVolume", "snap-0123456789abcdef0", "new, or the id of a volume"),
        ("jobVolume", "vol-0123456789abcdef0,new", "new, or the id of a volume"),
        ("s3Buckets", "s3://my-datasets", "names of S3 buckets"),
        ("s3Buckets", "my-*", "names of S3 buckets"),
        ("s3Buckets", '{"a": "b"}', "names of S3 buckets"),
        ("builds", "lab-builds", "s3://BUCKET/PREFIX, the bucket's name without dots"),
        ("builds", "s3://lab.builds/x", "s3://BUCKET/PREFIX, the bucket's name without dots"),
        ("builds", "s3://lab-builds/../x", "s3://BUCKET/PREFIX, the bucket's name without dots"),
        ("buildsAccount", "1234", "the 12 digits of an AWS account"),
        ("recipe", "Digits!", "`fab recipes` lists them"),
        ("instanceType", "big", "an EC2 instance type"),
        ("gpu", "yes", "auto or none"),
        ("image", "windows", "ubuntu-22.04, dlami-base-22.04, dlami-pytorch-24.04, debian-12, baked, or the id"),
        ("allowedCidrs", "300.1.2.3/32", "a list of IPv4 ranges"),
        ("allowedCidrs", "203.0.113.7/24", "without bits set beyond the prefix"),
        ("allowedCidrs", '["2001:db8::/32"]', "IPv4"),
        ("allowedCidrs", "::/0", "IPv4"),
        ("allowedCidrs", "[]", "a list of IPv4 ranges"),
        ("allowPublic", "perhaps", "true or false"),
        ("vpcCidr", "10.0.0.0/8", "from /16 to /24"),
        ("zone", "the first", "an availability zone"),
        ("rootVolumeGib", "7", "from 8 to 16384"),
        ("jobVolumeGib", "0", "from 1 to 16384"),
        ("jobVolumeGib", "lots", "from 1 to 16384"),
        ("jobVolumeOnDestroy", "keep", "snapshot or retain or delete"),
        ("jobSnapshot", "vol-1", "newest, none, or the id of a snapshot"),
        ("mountPoint", "/home", "no system folder"),
        ("mountPoint", "/jobs; reboot", "absolute path"),
        ("spotMaxPrice", "-0.1", "above 0"),
        ("spotMaxPrice", "0", "above 0"),
        ("spotMaxPrice", "nan", "above 0"),
        ("generation", "0", "from 1"),
        ("budgetMonthlyUsd", "-5", "above 0"),
        ("budgetEmail", "me", "an e-mail address"),
        ("idleStopMinutes", "-1", "from 0 (never)"),
        ("busy", '{"sessions": 5}', "terminal, run, cpu, gpu, disk, network, connection"),
        ("busy", '{"run": -1}', "number from 0"),
        ("busy", '{"run": true}', "number from 0"),
        ("busyProbe", "exit \u00e4", "on one line of ASCII"),
        ("beforeStop", "x" * 1001, "1000 characters"),
        ("maxHours", "1.5", "from 0 (no limit)"),
        ("sources", '["cuda"]', "recipe: source"),
        ("sources", "{cuda: wheel}", "recipe: source"),
        ("mirrors", '{"http": {"https://a/": "https://b/"}}', "git, apt, pip, conda, download, oci"),
        ("mirrors", '{"git": "https://b/"}', "{prefix: replacement}"),
        ("permissionsBoundary", "lab-boundary", "the ARN of a policy"),
        ("permissionsBoundary", "arn:aws:iam::123456789012:role/lab", "the ARN of a policy"),
        ("unpinned", "[1]", "a list of recipes"),
        ("acceptLicences", '{"nvidia-cuda": true}', "a list of licences"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(key: str, value: str, allowed: str) -> None:
    message = refused({key: value})
    (line,) = [line for line in message.splitlines() if f"gpurig:{key}: " in line]
    assert f'"{value}" has to be ' in line
    assert allowed in line
    assert "for example: pulumi config set " in line


def test_every_problem_is_told_at_once() -> None:
    message = refused({
        "instanceTyp": "g4dn.xlarge",
        "jobVolumeGib": "0",
        "rootVolumeGib": "12",
        "allowedCidrs": "0.0.0.0/0",
        "sshPublicKey": "/nowhere/key.pub",
        "acceptLicences": "",
        "zone": "eu-west-1a",
        "budgetEmail": "me@example.com",
    })  # fmt: skip
    for part in (
        'gpurig:instanceTyp: there is no such key; the nearest is "instanceType"',
        "gpurig:jobVolumeGib: ",
        "gpurig:rootVolumeGib: ",
        "gpurig:allowedCidrs: ",
        "gpurig:sshPublicKey: ",
        "nvidia-cuda",
        "nvidia-cudnn",
        "gpurig:zone: ",
        "gpurig:budgetMonthlyUsd and gpurig:budgetEmail",
    ):
        assert part in message


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/7"])
def test_the_public_is_kept_out_unless_it_is_asked_for(cidr: str) -> None:
    message = refused({"allowedCidrs": cidr})
    assert f'"{cidr}" opens the box to the public' in message
    assert "gpurig:allowPublic true" in message


def test_no_address_service_means_a_clear_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPURIG_CALLER_ADDRESS_URL", "http://127.0.0.1:9/")
    message = refused({"allowedCidrs": "auto"})
    assert '"auto" cannot find your address: http://127.0.0.1:9/ does not answer' in message
    assert "pulumi config set gpurig:allowedCidrs 203.0.113.7/32" in message


def test_an_answer_that_is_no_address_is_not_believed(address_service: Callable[[str], None]) -> None:
    address_service("<html>please log in</html>")
    assert 'answered "<html>please log in</html>", which is no IPv4 address' in refused({"allowedCidrs": "auto"})


def test_a_missing_key_file_says_how_to_make_one(tmp_path: Path) -> None:
    message = refused({"sshPublicKey": str(tmp_path / "id_ed25519.pub")})
    assert f"gpurig:sshPublicKey: {tmp_path / 'id_ed25519.pub'} does not exist" in message
    assert "ssh-keygen -t ed25519" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("ssh-rsa AAAAB3NzaC1yc2E me@laptop", 'begins with "ssh-rsa"'),
        ("sk-ssh-ed25519@openssh.com AAAA me@laptop", 'begins with "sk-ssh-ed25519@openssh.com"'),
        ("ssh-ed25519 AAAA me@laptop", "is no ed25519 public key"),
        (PUBLIC_KEY[:40], "is no ed25519 public key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n", "is a private key"),
        ("", "is no ed25519 public key"),
    ],
)
def test_only_an_ed25519_public_key_is_taken(tmp_path: Path, content: str, expected: str) -> None:
    path = tmp_path / "key"
    path.write_text(content, encoding="ascii")
    message = refused({"sshPublicKey": str(path)})
    assert f"gpurig:sshPublicKey: {path} {expected}" in message or expected in message
    assert "b3Bl" not in message


def test_a_key_that_is_given_in_place_is_checked_too() -> None:
    assert "gpurig:sshPublicKey: the value is no ed25519 public key" in refused({"sshPublicKey": "ssh-rsa AAAA"})


def test_an_instance_type_without_a_gpu_names_one_that_has_it() -> None:
    message = refused({"instanceType": "m5.large"}, aws=Aws(instance_types={"m5.large": []}))
    assert 'gpurig:instanceType: "m5.large" has no GPU; take g4dn.xlarge (T4, compute 7.5, $0.53/h)' in message
    assert "pulumi config set gpurig:gpu none" in message


def test_a_box_without_a_gpu_may_be_declared() -> None:
    found = run(
        {**GOOD, "gpurig:instanceType": "m5.large", "gpurig:gpu": "none"}, aws=Aws(instance_types={"m5.large": []})
    )
    assert found.outputs["gpurig"]["hosts"][0]["gpu"] is None


def test_a_gpu_that_no_recipe_knows_is_refused() -> None:
    radeon = [{"name": "Radeon Pro V520", "count": 1, "manufacturer": "AMD"}]
    message = refused({"instanceType": "g4ad.xlarge"}, aws=Aws(instance_types={"g4ad.xlarge": radeon}))
    assert '"g4ad.xlarge" has the GPU Radeon Pro V520, which no recipe knows' in message


def test_an_instance_type_that_does_not_exist_names_the_nearest() -> None:
    message = refused({"instanceType": "g4dn.xlage", "spotMaxPrice": "-1"})
    assert 'gpurig:instanceType: "g4dn.xlage" is no instance type that EC2 describes in us-east-1' in message
    assert "do not exist: [g4dn.xlage]" in message
    assert "the nearest that gpurig knows is g4dn.xlarge" in message
    assert "gpurig:spotMaxPrice" in message


def test_an_instance_type_that_the_region_lacks_is_refused() -> None:
    assert '"g4dn.xlarge" is not offered in us-east-1' in refused({}, aws=Aws(offered_in=()))


def test_a_zone_that_lacks_the_type_names_those_that_have_it() -> None:
    message = refused({"zone": "us-east-1a"}, aws=Aws(offered_in=("us-east-1b", "us-east-1c")))
    assert '"us-east-1a" does not offer g4dn.xlarge; take us-east-1b or us-east-1c' in message


def test_a_volume_in_another_zone_is_never_left_behind() -> None:
    message = refused({"zone": "us-east-1b"}, aws=Aws(volume_zone="us-east-1a"))
    assert "the job volume is in us-east-1a" in message
    assert "pulumi config set gpurig:zone us-east-1a" in message
    assert "pulumi destroy, then pulumi up" in message


def test_a_recipe_that_the_gpu_cannot_run_names_one_that_can() -> None:
    message = refused({"instanceType": "p5.48xlarge", "recipe": "digits-container"})
    assert 'recipe "digits-container" cannot run on H100, compute 9.0' in message
    assert "take g4dn.xlarge" in message


def test_a_recipe_that_the_image_cannot_have_names_one_that_can() -> None:
    message = refused({"image": "dlami-pytorch-24.04"})
    [refusal] = [line for line in message.splitlines() if 'recipe "caffe" does not support' in line]
    assert "image dlami-pytorch-24.04" in refusal
    assert "; take ubuntu-22.04" in refusal


def test_unknown_recipes_are_refused_wherever_they_stand() -> None:
    assert 'there is no recipe "digitz"; there are: ' in refused({"recipe": "digitz"})
    assert 'sources: there is no recipe "cudda"' in refused({"sources": '{"cudda": "wheel"}'})
    assert 'gpurig:unpinned: there is no recipe "caffee"' in refused({"unpinned": "caffee"})


def test_a_root_volume_too_small_for_the_recipe_names_the_needed_size() -> None:
    message = refused({"rootVolumeGib": "15"})
    assert '15 GiB is a volume too small for the recipe "digits", which needs ' in message
    needed = message.rpartition("gpurig:rootVolumeGib ")[2]
    box = run({**GOOD, "gpurig:rootVolumeGib": needed}).only("Instance").inputs
    assert box["rootBlockDevice"]["volumeSize"] == int(needed)


def test_more_than_user_data_can_carry_is_refused_in_the_preview() -> None:
    mirrors = ", ".join(f'"https://archive-{i * 7919}.example/": "https://m-{i * 104729}.example/"' for i in range(900))
    assert "gpurig:bootRecipe: user-data for base has " in refused({"mirrors": f'{{"apt": {{{mirrors}}}}}'})


def test_a_region_is_needed() -> None:
    asked = "aws:region: not set; for example: pulumi config set aws:region us-east-1"
    with pytest.raises(pulumi.RunError, match=asked):
        run({key: value for key, value in GOOD.items() if key != "aws:region"})
