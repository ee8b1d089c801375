"""What scanners ask for and the program does not do: decided for one researcher or a small lab, by cost and worth."""

from __future__ import annotations

from infra.policy.rule import Unheld

UNHELD = (
    Unheld(
        ids=("EC2.9", "CKV_AWS_88", "EC2.15", "CKV_AWS_130"),
        asks="No public address, and no subnet that gives one",
        why="You reach your box over the internet, from your own ranges alone; a NAT gateway is $33 a month before "
        "traffic. A box in a private subnet of your own has no public address: `subnetId`",
    ),
    Unheld(
        ids=("CKV_AWS_382",),
        asks="No way out to everywhere",
        why="Package archives and git servers have no list of addresses; docs/threat-model.md says what follows",
    ),
    Unheld(
        ids=("EC2.4",),
        asks="Stopped instances go after a month",
        why="A stopped box is yours to start again, with all that is on it; `fab cost` names it, with its price",
    ),
    Unheld(
        ids=("EC2.6", "CKV2_AWS_11"),
        asks="Flow logs of the VPC",
        why="$0.50 for each GB of records, and somebody has to read them: they tell afterwards who came, where SSH "
        "asks for a key and the group lets in one range. An organisation can log the VPC from outside of the stack",
    ),
    Unheld(
        ids=("EC2.7",),
        asks="The account encrypts every new volume",
        why="It is the account's setting, not a stack's to change; every volume of the program is encrypted anyway",
    ),
    Unheld(
        ids=("CKV_AWS_189",),
        asks="Volumes encrypted by a key of your own",
        why="$1 a month for each key, and jobs that are lost with it; AWS's key protects a lost disk as well",
    ),
    Unheld(
        ids=("EC2.28", "CKV2_AWS_9"),
        asks="A plan of AWS Backup",
        why="Snapshots are taken where something may be lost: by destroy, after a ceiling, by `fab volume-snapshot`. A "
        "plan would copy each day what can be had again; one of your account's can take the volume by gpurig:volume",
    ),
    Unheld(
        ids=("CKV_AWS_126",),
        asks="Detailed monitoring, a figure a minute",
        why="$2.10 a month; the alarm looks at five minutes and at hours, and the box's own guard at every minute",
    ),
    Unheld(
        ids=("CKV_AWS_135",),
        asks="`ebsOptimized` is set",
        why="The types that the program knows are so by themselves, and the argument would replace boxes that lack it",
    ),
)
"""Every one of them."""
