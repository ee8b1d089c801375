"""The settings of where a box stands and who reaches it there."""

from __future__ import annotations

import dataclasses

from infra.settings import checks
from infra.settings.ranges import AUTO, read_ranges, read_vpc_range, with_caller_address
from infra.settings.setting import setting
from provision.model.access import ACCESS, JUMP, PUBLIC
from provision.model.public_key import read_public_key, read_public_keys


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reach:
    """Keys, addresses and the network: what an account's or a lab's administrator has a say in."""

    ssh_public_key: str = setting(
        "sshPublicKey",
        checks.Check(str, "an ed25519 public key, or the path of its file"),
        "~/.ssh/id_ed25519.pub",
        resolve=read_public_key,
    )
    """An ed25519 public key, or the path of its file: the first key of a new box; `fab keys` brings it to one that is
    there."""
    ssh_keys: tuple[str, ...] = setting(
        "sshKeys",
        checks.KEYS,
        (),
        example="ssh-ed25519 AAAA… ada@lab",
        resolve=read_public_keys,
    )
    """More of them, with commas or as a list, that log in too: `fab keys --put` brings them to a box, and so does `fab
    setup`."""
    allowed_cidrs: tuple[str, ...] = setting(
        "allowedCidrs",
        checks.Check(
            read_ranges,
            f'"{AUTO}" or a list of IPv4 ranges like 203.0.113.7/32, without bits set beyond the prefix',
        ),
        (AUTO,),
        example="203.0.113.7/32",
        resolve=with_caller_address,
    )
    """Who may connect: IPv4 ranges as a list; auto is your own address, looked up each time. Of a private box: the
    address of the bastion, or the range of your VPN."""
    allow_public: bool = setting("allowPublic", checks.SWITCH, default=False, example="false")
    """Permit ranges that are broader than /8 all together; one password then stands before DIGITS."""
    access: str = setting("access", checks.of(ACCESS), PUBLIC)
    """How the box is reached: public, at an address of its own; private, without one, through gpurig:bastion or a VPN;
    ssm, without one, through Session Manager, and no port is open. The last two need gpurig:subnetId."""
    bastion: str = setting("bastion", checks.of(JUMP), "", example="me@bastion.example.com")
    """The machine that SSH goes through to a private box, as your ssh_config and known_hosts know it."""
    bastion_group: str = setting(
        "bastionGroup",
        checks.matching(r"sg-[0-9a-f]{8,17}", "the id of a security group (sg-…)"),
        "",
        example="sg-0123456789abcdef0",
    )
    """The bastion's security group: what carries it may connect to a private box."""
    subnet_id: tuple[str, ...] = setting(
        "subnetId",
        checks.listed(r"subnet-[0-9a-f]{8,17}", "the id of a subnet (subnet-…; several with commas, one a zone)"),
        (),
        example="subnet-0123456789abcdef0",
    )
    """Subnets of a network that is there already, one a zone: gpurig makes none then, and changes nothing of it."""
    vpc_cidr: str = setting("vpcCidr", checks.Check(read_vpc_range, "an IPv4 range from /16 to /24"), "10.20.0.0/16")
    """Address range of the VPC that is made, /16 to /24."""
