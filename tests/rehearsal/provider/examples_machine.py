"""Examples: roles, disks, instances, budgets."""

from __future__ import annotations

from tests.rehearsal.provider.example import (
    IMAGE,
    OTHER_IMAGE,
    OTHER_ZONE,
    TAGS,
    ZONE,
    Example,
    Ref,
    policy,
    text64,
    trust,
)

_ALARM = {
    "comparisonOperator": "GREATER_THAN",
    "notificationType": "ACTUAL",
    "threshold": 80,
    "thresholdType": "PERCENTAGE",
    "subscriberEmailAddresses": ["owner@example.com"],
}

EXAMPLES: dict[str, Example] = {
    "role": Example(
        token="aws:iam/role:Role",
        inputs={"assumeRolePolicy": trust("ec2.amazonaws.com")},
        updates=({"assumeRolePolicy": trust("lambda.amazonaws.com")}, *TAGS),
        replaces={"name": "renamed"},
    ),
    "other-role": Example(
        token="aws:iam/role:Role", inputs={"name": "second", "assumeRolePolicy": trust("ec2.amazonaws.com")}
    ),
    "role-policy": Example(
        token="aws:iam/rolePolicy:RolePolicy",
        inputs={"role": Ref("role"), "policy": policy("ec2:StopInstances")},
        updates=({"policy": policy("ec2:DescribeTags")},),
        replaces={"name": "renamed", "role": Ref("other-role")},
    ),
    "profile": Example(
        token="aws:iam/instanceProfile:InstanceProfile",
        inputs={"role": Ref("role")},
        updates=({"role": Ref("other-role")}, {"role": None}, *TAGS),
        replaces={"name": "renamed"},
    ),
    "other-profile": Example(
        token="aws:iam/instanceProfile:InstanceProfile", inputs={"name": "second", "role": Ref("other-role")}
    ),
    "volume": Example(
        token="aws:ebs/volume:Volume",
        inputs={"availabilityZone": ZONE, "size": 20, "type": "gp3", "encrypted": True, "tags": {"Name": "jobs"}},
        updates=({"size": 40}, {"type": "gp2"}, {"finalSnapshot": True}, *TAGS),
        replaces={"availabilityZone": OTHER_ZONE, "encrypted": False, "snapshotId": "snap-12345678"},
    ),
    "instance": Example(
        token="aws:ec2/instance:Instance",
        inputs={
            "ami": IMAGE,
            "instanceType": "g5.xlarge",
            "subnetId": Ref("subnet"),
            "associatePublicIpAddress": True,
            "vpcSecurityGroupIds": [Ref("group")],
            "keyName": Ref("key"),
            "iamInstanceProfile": Ref("profile"),
            "userDataBase64": text64("#!/bin/sh\ntrue\n"),
            "metadataOptions": {"httpTokens": "required", "httpEndpoint": "enabled", "httpPutResponseHopLimit": 1},
            "rootBlockDevice": {
                "volumeSize": 60,
                "volumeType": "gp3",
                "encrypted": True,
                "tags": {"Name": "root"},
            },
            "instanceInitiatedShutdownBehavior": "stop",
            "tags": {"Name": "box"},
        },
        updates=(
            {"instanceType": "g5.2xlarge"},
            {"vpcSecurityGroupIds": [Ref("group"), Ref("other-group")]},
            {"iamInstanceProfile": Ref("other-profile")},
            {"userDataBase64": text64("#!/bin/sh\nfalse\n")},
            {"metadataOptions": {"httpTokens": "optional", "httpEndpoint": "enabled", "httpPutResponseHopLimit": 2}},
            {
                "rootBlockDevice": {
                    "volumeSize": 80,
                    "volumeType": "gp3",
                    "encrypted": True,
                    "deleteOnTermination": False,
                    "tags": {"Name": "bigger"},
                }
            },
            {"instanceInitiatedShutdownBehavior": "terminate"},
            *TAGS,
        ),
        replaces={
            "ami": OTHER_IMAGE,
            "subnetId": Ref("other-subnet"),
            "associatePublicIpAddress": False,
            "keyName": "another",
            "instanceMarketOptions": {"marketType": "spot"},
        },
    ),
    "spot": Example(
        token="aws:ec2/instance:Instance",
        inputs={
            "ami": IMAGE,
            "instanceType": "g5.xlarge",
            "subnetId": Ref("subnet"),
            "instanceMarketOptions": {
                "marketType": "spot",
                "spotOptions": {
                    "maxPrice": "0.5",
                    "spotInstanceType": "one-time",
                    "instanceInterruptionBehavior": "terminate",
                },
            },
        },
        replaces={"instanceMarketOptions": {"marketType": "spot", "spotOptions": {"maxPrice": "0.7"}}},
    ),
    "attachment": Example(
        token="aws:ec2/volumeAttachment:VolumeAttachment",
        inputs={"deviceName": "/dev/sdf", "instanceId": Ref("instance"), "volumeId": Ref("volume")},
        updates=(
            {"stopInstanceBeforeDetaching": True},
            {"skipDestroy": True},
            {"skipDestroy": None},
        ),
        replaces={"deviceName": "/dev/sdg", "instanceId": "i-12345678", "volumeId": "vol-12345678"},
    ),
    "budget": Example(
        token="aws:budgets/budget:Budget",
        inputs={
            "budgetType": "COST",
            "limitAmount": "50",
            "limitUnit": "USD",
            "timeUnit": "MONTHLY",
            "notifications": [_ALARM],
        },
        updates=(
            {"limitAmount": "75"},
            {"limitUnit": "EUR"},
            {"timeUnit": "DAILY"},
            {"budgetType": "USAGE"},
            {"notifications": [_ALARM, {**_ALARM, "threshold": 100}]},
            {"notifications": [{**_ALARM, "notificationType": "FORECASTED"}]},
            *TAGS,
        ),
        replaces={"name": "renamed"},
    ),
}
