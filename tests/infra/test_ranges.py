"""Who may connect: how much of the internet it is, all ranges together, and what lets in nobody."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.infra.lab import GOOD, refused, run


def told(cidrs: str, **more: str) -> str:
    """Return what an `up` with these ranges says of them."""
    found = run({**GOOD, "gpurig:allowedCidrs": cidrs, **{f"gpurig:{key}": value for key, value in more.items()}})
    return "\n".join(line for line in found.messages if "gpurig:allowedCidrs" in line)


@pytest.mark.parametrize(
    "cidrs",
    [
        [f"{number}.0.0.0/8" for number in range(256)],
        ["8.0.0.0/8", "9.0.0.0/32"],
        ["8.0.0.0/9", "8.64.0.0/10", "8.128.0.0/9", "9.0.0.0/24"],
    ],
)
def test_many_ranges_are_the_public_as_one_is(cidrs: list[str]) -> None:
    message = refused({"allowedCidrs": json.dumps(cidrs)})
    assert "opens the box to the public" in message
    assert "gpurig:allowPublic true" in message


def test_a_share_of_the_internet_is_told_at_every_up() -> None:
    assert "16,777,216 addresses, 0.39% of all that there are" in told("8.0.0.0/8")
    assert "65,536 addresses" in told("8.8.0.0/17,8.8.128.0/17")
    assert "100.00% of all that there are" in told("0.0.0.0/0", allowPublic="true")
    assert not told("8.8.8.0/24")


@pytest.mark.parametrize("cidr", ["0.0.0.0/8", "127.0.0.1/32", "224.0.0.251/32", "240.0.0.0/32", "255.255.255.255/32"])
def test_what_nobody_comes_from_is_refused(cidr: str) -> None:
    assert "nobody comes from there" in refused({"allowedCidrs": cidr, "allowPublic": "true"})


@pytest.mark.parametrize(
    ("cidr", "what"),
    [
        ("100.64.1.2/32", "shared by a carrier's customers"),
        ("10.0.0.0/8", "private"),
        ("192.168.1.0/24", "private"),
        ("169.254.0.1/32", "link-local"),
        ("203.0.113.7/32", "for examples"),
    ],
)
def test_what_nobody_on_the_internet_has_is_told(cidr: str, what: str) -> None:
    message = told(cidr)
    assert f"{cidr} is in " in message
    assert what in message


def test_an_address_that_auto_finds_and_nobody_has_is_told(address_service: Callable[[str], None]) -> None:
    address_service("100.64.9.9")
    assert '100.64.9.9/32 is in 100.64.0.0/10, which is shared by a carrier\'s customers (RFC 6598): "auto"' in told(
        "auto"
    )
    address_service("127.0.0.1")
    assert "nobody comes from there" in refused({"allowedCidrs": "auto"})


@pytest.mark.parametrize(
    "address",
    [
        "HTTPS://me:hunter2@git.example.com/",
        "https://git.example.com/?token=hunter2",
        "https://git.example.com/#hunter2",
    ],
)
def test_a_password_in_a_mirror_is_refused_however_it_is_written(address: str) -> None:
    for table in ({"https://github.com/": address}, {address: "https://git.example.com/"}):
        message = refused({"mirrors": json.dumps({"git": table})})
        assert "without passwords" in message
        assert "hunter2" not in message


def test_a_cuda_that_came_before_the_gpu_names_the_source_that_did_not() -> None:
    message = refused({"instanceType": "p5.48xlarge", "recipe": "caffe", "sources": '{"cuda": "distribution"}'})
    [refusal] = [line for line in message.splitlines() if 'recipe "cuda"' in line]
    assert 'cannot run from source "distribution" on H100, compute 9.0' in refusal
    assert refusal.endswith('; take source "nvidia"')
