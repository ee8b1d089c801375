"""A network that is there already: what has to be true of its subnets, asked of AWS before anything is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from infra.network import ANYWHERE, Site
from provision.model.access import PUBLIC
from provision.model.errors import BadInput
from provision.model.tags import HOST, STACK_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.cloud import Cloud
    from infra.settings import Settings


def find_site(settings: Settings, cloud: Cloud) -> Site | None:
    """Return the network that the settings name, None where they name none.

    Raises `BadInput` where a box would not work there, with everything that is wrong.
    """
    if not settings.subnet_id:
        return None
    found = [_Subnet(subnet_id, cloud) for subnet_id in settings.subnet_id]
    problems = [*_apart(found), *(problem for subnet in found for problem in subnet.problems(settings))]
    if not problems:
        problems = [*_full(settings, cloud, found)]
    if problems:
        raise BadInput([f"gpurig:subnetId: {problem}" for problem in problems])
    return Site(vpc_id=found[0].vpc_id, subnets={subnet.zone: subnet.id for subnet in found})


class _Subnet:
    """A subnet as AWS tells of it."""

    def __init__(self, subnet_id: str, cloud: Cloud) -> None:
        """Ask AWS. Raises `BadInput` where it has none of this id in the region."""
        self._cloud, self.id = cloud, subnet_id
        self._seen = cloud.ask(aws.ec2.get_subnet, f'gpurig:subnetId: "{subnet_id}" in {cloud.region}', id=subnet_id)
        self.vpc_id, self.zone = str(self._seen.vpc_id), str(self._seen.availability_zone)
        self.free = int(self._seen.available_ip_address_count)

    def problems(self, settings: Settings) -> Iterator[str]:
        """Yield why a box could not work there."""
        vpc = self._cloud.ask(aws.ec2.get_vpc, f'VPC "{self.vpc_id}"', id=self.vpc_id)
        if not vpc.enable_dns_support:
            way = f"aws ec2 modify-vpc-attribute --vpc-id {self.vpc_id} --enable-dns-support"
            yield f"{self.id} is in {self.vpc_id}, which answers no DNS: no archive would be found; {way}"
        out, public = self._way_out(vpc.main_route_table_id), settings.access == PUBLIC
        to_internet = str(getattr(out, "gateway_id", "") or "").startswith("igw-")
        if public and not to_internet:
            yield f"{self.id} has no route to an internet gateway, and gpurig:access is {PUBLIC}"
        if public and not self._seen.map_public_ip_on_launch:
            # The box itself must not ask for one (`infra.host` says why).
            way = f"aws ec2 modify-subnet-attribute --subnet-id {self.id} --map-public-ip-on-launch"
            yield f"{self.id} gives no public addresses: pulumi config set gpurig:access private (or ssm), or: {way}"
        if not public and self._seen.map_public_ip_on_launch:
            yield f"{self.id} gives every box a public address, and gpurig:access is {settings.access}"
        if not public and to_internet:
            yield (
                f"the way out of {self.id} is an internet gateway, which carries nothing of a box without a public "
                "address: take a subnet with a NAT gateway, or another way out"
            )
        if not public and out is None:
            # A route that a VPN's gateway has told of is not among those that the provider tells.
            told = f"{self.id} shows no route to {ANYWHERE}: a box there reaches no archive but those of its network"
            pulumi.log.warn(told)

    def _way_out(self, main: str) -> Any:
        """Return the route to everywhere, None where there is none."""
        associated = [{"name": "association.subnet-id", "values": [self.id]}]
        tables = self._cloud.ask(aws.ec2.get_route_tables, f"route table of {self.id}", filters=associated).ids
        table_id = tables[0] if tables else main
        table = self._cloud.ask(aws.ec2.get_route_table, f"route table {table_id}", route_table_id=table_id)
        return next((route for route in table.routes if route.cidr_block == ANYWHERE), None)


def _apart(subnets: list[_Subnet]) -> Iterator[str]:
    """Yield what is wrong with the subnets together."""
    if len(vpcs := {subnet.vpc_id: subnet.id for subnet in subnets}) > 1:
        yield f"{' and '.join(vpcs.values())} are in different networks, {' and '.join(vpcs)}"
    by_zone: dict[str, str] = {}
    for subnet in subnets:
        if subnet.zone in by_zone:
            yield f"{by_zone[subnet.zone]} and {subnet.id} are both in {subnet.zone}: name one of them"
        by_zone[subnet.zone] = subnet.id


def _full(settings: Settings, cloud: Cloud, subnets: list[_Subnet]) -> Iterator[str]:
    """Yield that there are too few addresses for the boxes that are not there yet."""
    own = {STACK_ID: cloud.identity.id}
    new = [box for box in settings.per_host() if not cloud.instances({**own, HOST: box.host_name})]
    if len(new) > (free := sum(subnet.free for subnet in subnets)):
        names = ", ".join(subnet.id for subnet in subnets)
        yield f"{names} has {free} free addresses left, and {len(new)} boxes are to come"
