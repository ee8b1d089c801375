"""`fab doctor` on a cloud without boxes: each finding with its mend, and an exit code that scripts can ask."""

from __future__ import annotations

import http.server
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.life import doctor
from provision.life.account_checks import Account
from provision.life.machine_checks import interfaces_in
from provision.life.wish import Wish
from provision.model.errors import BadInput
from provision.transport.settings import StackSettings
from rehearsal.cloud.handle import Cloud
from tests.kit.doctor_lab import GOOD, Laptop
from tests.kit.fab import fab
from tests.kit.servers import Handler, serving

OWN = "203.0.113.99"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One for all tests of this file."""
    started = Cloud.start(tmp_path_factory.mktemp("cloud"), boxes=False)
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def seen_as() -> Iterator[str]:
    """Serve addresses: the path is the answer."""

    class Answer(Handler):
        def do_GET(self) -> None:
            self.answer(200, self.path.strip("/").encode("ascii"))

    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)) as url:
        yield url


@pytest.fixture
def laptop(tmp_path: Path, cloud: Cloud, seen_as: str) -> Laptop:
    """A good one."""
    cloud.quotas(L_DB2E81BA=64, L_3819A6DF=64)
    cloud.reset()
    return Laptop(tmp_path, cloud, f"{seen_as}/{OWN}")


def test_all_is_there(laptop: Laptop) -> None:
    found = laptop.doctor(code=0)
    assert {name for name, row in found.items() if row["state"] != "ok"} <= {"plugin", "address", "programs"}
    assert found["credentials"]["text"] == "arn:aws:sts::123456789012:user/moto, account 123456789012"
    assert found["stack"]["text"] == "stack dev of gpurig"
    assert found["image"]["text"].startswith("ubuntu-22.04: ami-")
    assert laptop.cloud.calls("RunInstances") == []
    assert {call["action"][:4] for call in laptop.cloud.calls()} <= {"Desc", "GetC", "GetS", "GetP"}, "it only looks"
    said = fab(laptop.folder, "doctor", code=0, **laptop.env).stdout
    names = [line.split()[1] for line in said.splitlines() if line.startswith(("ok ", "warning "))]
    assert names[:3] == ["pulumi", "plugin", "stack"], "in their order, whichever ended first"


@pytest.mark.parametrize(("version", "state"), [("v3.207.0", "error"), ("v3.208.0", "warning")])
def test_an_engine_that_cannot_keep_who_a_stack_is_is_an_error(laptop: Laptop, version: str, state: str) -> None:
    laptop.settings(GOOD, version=version)
    found = laptop.doctor(code=int(state == "error"))["pulumi"]
    assert found["state"] == state
    assert state != "error" or "3.208 or later" in found["text"]


def test_what_would_stop_a_first_up_is_an_error_with_its_mend(laptop: Laptop) -> None:
    laptop.cloud.quotas(L_DB2E81BA=2, L_3819A6DF=0)
    laptop.settings(
        {
            **GOOD,
            "gpurig:sshPublicKey": "~/nowhere.pub",
            "gpurig:zone": "us-east-1e",
            "gpurig:image": "ami-0123456789abcdef0",
            "gpurig:imageOs": "ubuntu-22.04",
        },
        version="v2.1.0",
    )
    found = laptop.doctor(code=1)
    for name, mend in {
        "pulumi": "install the Pulumi CLI",
        "key": "ssh-keygen -t ed25519",
        "quota on demand": "https://us-east-1.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/L-DB2E81BA",
        "zones": "pulumi config set gpurig:zone us-east-1a",
        "image": "",
    }.items():
        assert found[name]["state"] == "error", name
        assert mend in found[name]["mend"], name
    assert "2 of 2 vCPUs are left on demand for g4dn.xlarge, which needs 4" in found["quota on demand"]["text"]
    assert found["quota spot"]["state"] == "warning", "the stack is not set to it"
    assert laptop.doctor("--spot", code=1)["quota spot"]["state"] == "error"


def test_a_sign_on_that_has_run_out_says_log_in_again(laptop: Laptop) -> None:
    laptop.cloud.fault("GetCallerIdentity", code="ExpiredToken", message="The security token is expired", times=9)
    found = laptop.doctor(code=1)
    assert found["credentials"]["state"] == "error"
    assert found["credentials"]["mend"] == "log in again: aws sso login"
    assert found["zones"]["text"] == "not asked: the credentials do not work"
    nobody = laptop.doctor(code=1, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert "aws configure" in nobody["credentials"]["mend"]


def test_without_pulumi_and_a_project_it_tells_what_to_install(laptop: Laptop, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (laptop.folder / "pulumi").unlink()
    nowhere = {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
    found = laptop.doctor(code=1, **nowhere)
    assert found["pulumi"]["mend"].startswith("install the Pulumi CLI")
    assert "pulumi stack select dev --create" in found["stack"]["mend"]
    assert (found["region"]["state"], found["zones"]["state"]) == ("error", "warning")
    assert laptop.doctor("--region", "eu-west-1", code=1, **nowhere)["region"]["text"] == "eu-west-1"


def test_an_address_that_changes_or_is_not_let_in(laptop: Laptop, seen_as: str) -> None:
    two = laptop.doctor(code=0, GPURIG_CALLER_ADDRESS_URL=f"{seen_as}/{OWN} {seen_as}/198.51.100.7")["address"]
    assert (two["state"], "your address changes" in two["text"]) == ("warning", True)
    six = laptop.doctor(code=1, GPURIG_CALLER_ADDRESS_URL=f"{seen_as}/2001:db8::7")["address"]
    assert "IPv6 alone will not do" in six["mend"]
    laptop.settings({**GOOD, "gpurig:allowedCidrs": "198.51.100.0/24"})
    other = laptop.doctor(code=0)["address"]
    assert other["text"] == f"gpurig:allowedCidrs lets in 198.51.100.0/24, and you are {OWN}/32"


@pytest.mark.parametrize("cidrs", ["203.0.113.7/24", "::/0", "me", '["auto", "203.0.113.7/24"]', "[broken"])
def test_ranges_that_are_none_are_an_error_with_its_mend(laptop: Laptop, cidrs: str) -> None:
    laptop.settings({**GOOD, "gpurig:allowedCidrs": cidrs})
    found = laptop.doctor(code=1)["address"]
    assert found["state"] == "error"
    assert found["text"].startswith("gpurig:allowedCidrs: ")
    assert "gpurig:allowedCidrs" in found["mend"]


@pytest.mark.parametrize("verb", ["doctor", "offers"])
@pytest.mark.parametrize("sources", ["foo", "[]", '{"caffe": 3}'])
def test_sources_that_are_none_are_named(laptop: Laptop, verb: str, sources: str) -> None:
    laptop.settings({**GOOD, "gpurig:sources": sources})
    said = fab(laptop.folder, verb, code=2, **laptop.env).stderr
    assert f'gpurig:sources: "{sources}" has to be a JSON object of texts' in said
    assert "pulumi config rm gpurig:sources" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("text", ["[vol-1", '["vol-1", 3]'])
def test_a_list_that_is_none_is_named(text: str) -> None:
    with pytest.raises(BadInput, match=r"gpurig:jobVolume: .* has to be a JSON list of texts") as refused:
        StackSettings(values={"gpurig:jobVolume": text}).names("jobVolume")
    assert "pulumi config rm gpurig:jobVolume" in refused.value.hint


def test_a_right_that_pulumi_up_does_not_need_is_no_error(laptop: Laptop) -> None:
    laptop.cloud.fault("GetServiceQuota", code="AccessDeniedException", message="you may not", times=9)
    laptop.cloud.fault("DescribeRegions", code="UnauthorizedOperation", message="you may not", times=9)
    found = laptop.doctor(code=0)
    for name, right in {"quota on demand": "servicequotas:GetServiceQuota", "region": "ec2:DescribeRegions"}.items():
        assert (found[name]["state"], right in found[name]["mend"]) == ("warning", True)
    # Without this one, the program finds no image.
    laptop.cloud.fault("GetParameter", code="AccessDeniedException", message="you may not", times=9)
    assert laptop.doctor(code=1)["image"]["state"] == "error"


def test_interfaces_as_two_programs_tell_them() -> None:
    linux = "1: lo    inet 127.0.0.1/8 scope host lo\n5: wg0    inet 10.8.0.2/32 scope global wg0\n"
    assert interfaces_in(linux) == [("lo", "127.0.0.1"), ("wg0", "10.8.0.2")]
    mac = "en0: flags=8863<UP> mtu 1500\n\tether 00:00\n\tinet 192.0.2.7\nutun3: flags=8051<UP>\n\tinet 100.64.0.9\n"
    assert interfaces_in(mac) == [("en0", "192.0.2.7"), ("utun3", "100.64.0.9")]


@pytest.mark.parametrize(("skew", "state"), [(None, "warning"), (3, "ok"), (-90, "warning"), (900, "error")])
def test_a_clock_that_is_off(skew: float | None, state: str) -> None:
    account = Account(Wish(profile="", region="us-east-1", recipe="base"))
    account.skew = skew
    assert account.clock().state == state


def test_a_check_that_hangs_keeps_nobody_waiting() -> None:
    def slow() -> doctor.Finding:
        time.sleep(60)
        return doctor.ok("")

    found = doctor.examine({"slow": slow, "fast": lambda: doctor.ok("there")}, 0.2)
    assert [*found] == ["slow", "fast"]
    assert (found["slow"].state, found["slow"].text) == ("warning", "no answer within 0 s")
    assert found["fast"].text == "there"
