"""What the program hands over: the outputs to `fab`, the documented keys to the user."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest
import yaml

from provision.catalogue.catalogue import Catalogue
from provision.model.busy import BUSY
from provision.model.host import Host
from provision.model.platforms import price_table
from rehearsal.standins.repositories import REPOSITORIES
from tests.infra.aws import Aws
from tests.infra.lab import GOOD, LICENCES, PUBLIC_KEY, ROOT, as_given, run

PROJECT = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
KEPT = {
    "gpurig:builders": f"ssh-ed25519 {'A' * 68}",
    "gpurig:builds": "s3://lab-builds/gpurig",
    "gpurig:buildsAccount": "123456789012",
}
KEPT_THERE = {
    "builders": [f"ssh-ed25519 {'A' * 68}"],
    "builds": "s3://lab-builds/gpurig",
    "builds_account": "123456789012",
}


def stack_config(name: str) -> dict[str, str]:
    """Return the configuration that a program of a stack sees, the project's defaults included."""
    stack = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))["config"]
    defaults = {key: value["default"] for key, value in PROJECT["config"].items()}
    return {key: as_given(value) for key, value in {**defaults, **stack}.items()}


def test_the_outputs_are_hosts_with_their_targets() -> None:
    box = run({
        **GOOD,
        "gpurig:hostName": "trainer",
        "gpurig:instanceType": "g5.xlarge",
        "gpurig:image": "debian-12",
        "gpurig:gpu": "none",
        "gpurig:sources": '{"cuda": "distribution", "cudnn": "wheel"}',
        "gpurig:mirrors": '{"git": {"https://github.com/": "https://git.example.com/"}}',
        "gpurig:unpinned": "caffe",
        "gpurig:mountPoint": "/data",
        "gpurig:idleStopMinutes": "45",
        "gpurig:maxHours": "12",
        "gpurig:spot": "true", "gpurig:spotRebalance": "leave", **KEPT,
    })  # fmt: skip
    (host,) = box.hosts()
    assert (host.name, host.address, host.user, host.port) == ("trainer", "198.51.100.9", "admin", 22)
    assert (host.instance_id, host.region, host.instance_type) == ("i-trainer-g1", "us-east-1", "g5.xlarge")
    assert (host.recipe, host.price_per_hour, host.ports) == ("digits", 1.006, {"ssh": 22, "digits": 5000})
    assert host.target is not None
    assert host.target.to_document() == {
        "image": "debian-12",
        "gpu": "none",
        "compute": "8.6",
        "user": "admin",
        "mount_point": "/data",
        "volume_id": "vol-trainer-jobs",
        "sources": {"cuda": "distribution", "cudnn": "wheel"},
        "mirrors": {"git": {"https://github.com/": "https://git.example.com/"}},
        "unpinned": ["caffe"],
        "licences": LICENCES.split(","),
        "idle_stop_minutes": 45,
        "lifetime_hours": 12,
        "busy": BUSY,
        **dict.fromkeys(("busy_probe", "before_stop"), ""),
        **KEPT_THERE,
        **dict.fromkeys(("spot", "leaves_early"), True),
        **{key: [] for key in ("allow", "peers")},
        "ui_port": 5000,
    }


def test_what_counts_as_use_travels_with_what_the_user_says_of_it() -> None:
    own = {"busy": '{"terminal": 60, "run": "2"}', "busyProbe": "pgrep -x my-server", "beforeStop": "~/save.sh"}
    box = run({**GOOD, **{f"gpurig:{key}": value for key, value in own.items()}})
    target = Host.from_document(box.outputs["gpurig"]["hosts"][0]).target
    assert target
    assert target.busy == {**BUSY, "terminal": 60, "run": 2}
    assert (target.busy_probe, target.before_stop) == ("pgrep -x my-server", "~/save.sh")


def test_the_document_says_all_that_it_promises() -> None:
    document = run(GOOD).outputs["gpurig"]
    assert {key: document[key] for key in ("version", "project", "stack", "region")} == {
        "version": 1,
        "project": "gpurig",
        "stack": "test",
        "region": "us-east-1",
    }
    (host,) = document["hosts"]
    assert host["gpu"] == {"model": "T4", "compute": "7.5", "memoryGib": 16, "count": 1}
    assert (host["zone"], host["image"], host["spot"], host["generation"]) == ("us-east-1a", "ubuntu-22.04", False, 1)
    assert (host["volumeId"], host["mountPoint"]) == ("vol-box-jobs", "/jobs")
    assert (host["address"], host["innerAddress"]) == ("198.51.100.9", "10.0.7.9")


def test_the_profile_that_reaches_the_account_is_handed_on() -> None:
    (plain,) = run(GOOD).outputs["gpurig"]["hosts"]
    assert plain["profile"] is None
    assert Host.from_document(plain).profile == ""
    (host,) = run({**GOOD, "aws:profile": "lab"}).hosts()
    assert host.profile == "lab"


def test_people_see_where_to_go_next() -> None:
    outputs = run({**GOOD, "gpurig:image": "ami-0123456789abcdef0", "gpurig:imageOs": "dlami-base-22.04"}).outputs
    assert outputs["address"] == "198.51.100.9"
    assert outputs["ssh"] == "fab ssh"
    assert outputs["nextStep"] == "fab setup-digits"
    assert outputs["price"].startswith("running: $")


@pytest.mark.parametrize("stack", ["rehearsal", "rehearsal-upstream", "rehearsal-debian"])
def test_the_rehearsals_stacks_are_in_order(stack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key.pub").write_text(PUBLIC_KEY, encoding="ascii")
    monkeypatch.setenv("GPURIG_SSH_KEY", str(tmp_path / "key"))
    box = run({**stack_config(stack), "gpurig:allowedCidrs": "198.18.0.1/32"})
    assert box.only("KeyPair").inputs["publicKey"] == PUBLIC_KEY.rpartition(" ")[0]
    (host,) = box.outputs["gpurig"]["hosts"]
    assert host["gpu"] is None
    assert host["target"]["unpinned"] == ([] if stack == "rehearsal-upstream" else _recipes_with_stand_ins())
    assert host["image"] == ("debian-12" if stack == "rehearsal-debian" else "ubuntu-22.04")
    assert box.only("Volume").inputs["size"] == 2


def _recipes_with_stand_ins() -> list[str]:
    """Return the recipes whose git repository the rehearsal's server has a stand-in for."""
    addresses = {f"https://github.com/{repository.path}" for repository in REPOSITORIES}
    recipes = Catalogue().recipes.values()
    return sorted(r.name for r in recipes if addresses & {source.get("url") for source in r.sources.values()})


def test_the_real_example_asks_for_the_licences_and_for_nothing_else() -> None:
    config = {**stack_config("dev"), "gpurig:sshPublicKey": PUBLIC_KEY, "gpurig:allowedCidrs": "203.0.113.7/32"}
    with pytest.raises(pulumi.RunError) as caught:
        run(config)
    problems = str(caught.value).splitlines()
    assert len(problems) == 2
    assert all("acceptLicences" in problem for problem in problems)
    assert run({**config, "gpurig:acceptLicences": LICENCES}).only("Instance").inputs["instanceType"] == "g4dn.xlarge"


def test_the_first_boot_is_rendered_the_same_every_time() -> None:
    first, second = (run(GOOD).only("Instance").inputs["userDataBase64"] for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        # 0.526 for the instance + 0.005 for its address + 200 GiB at 0.08 / 730 for its disks
        ({}, ["running: $0.553 an hour, $13.27 a day", "stopped: $16.00 a month", "job volume alone: $8.00 a month"]),
        ({"gpurig:jobVolumeGib": "200"}, ["stopped: $24.00 a month", "its snapshot: $10.00 or less"]),
        # As spot, now: 0.16 for the instance, the rest as above.
        ({"gpurig:spot": "true"}, ["running: at most $0.553 an hour, $13.27 a day, now $0.187 an hour"]),
        ({"gpurig:spot": "true", "gpurig:spotMaxPrice": "0.2"}, ["running: at most $0.227 an hour"]),
    ],
)
def test_the_price_is_shown_before_anything_is_made(changes: dict[str, str], parts: list[str]) -> None:
    box = run({**GOOD, **changes})
    (message,) = [message for message in box.messages if "running:" in message]
    for part in parts:
        assert part in message
        assert part in box.outputs["price"]
    assert ("stopped" in message) == ("gpurig:spot" not in changes)


def test_the_price_is_that_of_the_region_and_says_so() -> None:
    box = run({**GOOD, "aws:region": "eu-west-1", "gpurig:zone": ""}, aws=Aws(price_factor=1.1, region="eu-west-1"))
    assert "running: $0.608 an hour" in box.outputs["price"]
    assert box.outputs["price"].endswith("(AWS Price List of eu-west-1)")
    assert box.outputs["gpurig"]["hosts"][0]["pricePerHour"] == pytest.approx(1.1 * 0.526)
    (elsewhere,) = [one for one in box.declared if one.name == "aws-prices"]
    assert elsewhere.inputs["region"] == "us-east-1", "the Price List does not answer in eu-west-1"


def test_an_account_that_may_not_ask_gets_the_dated_table() -> None:
    box = run(GOOD, aws=Aws(no_prices="AccessDeniedException: not authorized to perform: pricing:GetProducts"))
    assert "running: $0.553 an hour" in box.outputs["price"]
    assert box.outputs["price"].endswith(f"(table of {price_table().date} for us-east-1)")
    (said,) = [text for text in box.messages if "pricing:GetProducts" in text]
    assert said.startswith(f"prices are those of us-east-1 in {price_table().date}: AWS's Price List")


def test_a_price_that_is_not_known_is_not_made_up() -> None:
    aws = Aws(instance_types={"g6.48xlarge": [{"name": "L4", "count": 8, "manufacturer": "NVIDIA"}]})
    price = run({**GOOD, "gpurig:instanceType": "g6.48xlarge"}, aws=aws).outputs["price"]
    assert "running: the instance's price (nobody says it) + $16.00 a month for disks" in price


def test_two_boxes_of_different_recipes_share_a_network() -> None:
    pair = run(GOOD, program=ROOT / "examples" / "two-boxes" / "two_boxes.py", project="two-boxes")
    assert len(pair.all("Vpc")) == 1
    trainer, lab = pair.hosts()
    assert (trainer.name, trainer.recipe, trainer.ports) == ("trainer", "digits", {"ssh": 22, "digits": 5000})
    assert (lab.name, lab.recipe, lab.ports) == ("lab", "caffe", {"ssh": 22})
    assert {volume.inputs["tags"]["gpurig:host"] for volume in pair.all("Volume")} == {"trainer", "lab"}
    assert len({group.name for group in pair.all("SecurityGroup")}) == 2
    assert len({resource.options.parent + resource.name + resource.type for resource in pair.declared}) == len(
        pair.declared
    )
