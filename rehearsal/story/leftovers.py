"""What is left in the account after `pulumi destroy`: snapshots of the job volume may be, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from rehearsal.cloud.handle import Cloud


def only_snapshots(cloud: Cloud) -> None:
    """Say how many snapshots are left. Raises `RehearsalError` if none is, or if anything else is."""
    if remains := [f"{len(found)} {what}" for what, found in _found(cloud).items() if found]:
        raise RehearsalError(f"`pulumi destroy` left {', '.join(remains)}")
    snapshots = cloud.client("ec2").describe_snapshots(OwnerIds=["self"])["Snapshots"]
    if not snapshots:
        raise RehearsalError("`pulumi destroy` left no snapshot of the job volume: its jobs are gone")
    count = len(snapshots)
    print(f"  left in the account: {count} snapshot{'s' * (count != 1)}, nothing else", flush=True)


def _found(cloud: Cloud) -> dict[str, list[Any]]:
    """Return every kind of thing that the program creates, with what the API lists of it."""
    ec2, iam = cloud.client("ec2"), cloud.client("iam")
    alive = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    vpcs = ec2.describe_vpcs()["Vpcs"]
    # The account came with a VPC of its own and what belongs to that, as every AWS account does.
    default_vpcs = {vpc["VpcId"] for vpc in vpcs if vpc["IsDefault"]}

    def foreign(things: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [thing for thing in things if thing.get("VpcId") not in default_vpcs]

    gateways = ec2.describe_internet_gateways()["InternetGateways"]
    endpoints = ec2.describe_vpc_endpoints()["VpcEndpoints"]  # a deleted one is listed for a while
    account = cloud.client("sts").get_caller_identity()["Account"]
    return {
        "instances": ec2.describe_instances(Filters=alive)["Reservations"],
        "volumes": ec2.describe_volumes()["Volumes"],
        "VPCs": foreign(vpcs),
        "subnets": foreign(ec2.describe_subnets()["Subnets"]),
        "internet gateways": [one for one in gateways if foreign(one["Attachments"]) or not one["Attachments"]],
        "route tables": foreign(ec2.describe_route_tables()["RouteTables"]),
        "security groups": foreign(ec2.describe_security_groups()["SecurityGroups"]),
        "VPC endpoints": [one for one in endpoints if one["State"] != "deleted"],
        "key pairs": ec2.describe_key_pairs()["KeyPairs"],
        "roles": iam.list_roles()["Roles"],
        "instance profiles": iam.list_instance_profiles()["InstanceProfiles"],
        "schedules": cloud.client("scheduler").list_schedules()["Schedules"],
        "alarms": cloud.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "budgets": cloud.client("budgets").describe_budgets(AccountId=account)["Budgets"],
    }
