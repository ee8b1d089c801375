"""What depends on what: deleting in a wrong order fails here as it does on EC2, where moto lets it pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ec2.responses import EC2Response

from rehearsal.cloud.hooks import intercept, parameter, refusal

if TYPE_CHECKING:
    from collections.abc import Callable


@intercept(EC2Response, "delete_security_group")
def delete_security_group(response: Any, proceed: Callable[[], Any]) -> Any:
    """Refuse while a network interface or another group's rule uses the group, and for a VPC's own."""
    backend, group_id = response.ec2_backend, parameter(response, "GroupId")
    group = backend.get_security_group_from_id(group_id) if group_id else None
    if group is None:
        return proceed()
    if group.is_default:
        raise refusal("CannotDelete", f'the specified group: "{group.id}" name: "default" cannot be deleted by a user')
    worn = any(group in nic.group_set for nic in backend.enis.values())
    others = (other for other in backend.describe_security_groups() if other.id != group.id)
    named = any(
        rule.source_group.get("GroupId") == group.id
        for other in others
        for rule in other.ingress_rules + other.egress_rules
    )
    if worn or named:
        raise refusal("DependencyViolation", f"resource {group.id} has a dependent object")
    return proceed()


@intercept(EC2Response, "modify_security_group_rules")
def modify_security_group_rules(response: Any, proceed: Callable[[], Any]) -> Any:
    """Have a rule that names a group name the other one, which moto leaves as it was."""
    result = proceed()
    group = response.ec2_backend.get_security_group_from_id(parameter(response, "GroupId"))
    for change in parameter(response, "SecurityGroupRules", []):
        if named := change["SecurityGroupRule"].get("ReferencedGroupId"):
            rule = group.get_rule(change["SecurityGroupRuleId"])
            rule.source_group = {**rule.source_group, "GroupId": named}
    return result


@intercept(EC2Response, "delete_subnet")
def delete_subnet(response: Any, proceed: Callable[[], Any]) -> Any:
    """Refuse while network interfaces are in the subnet."""
    subnet_id = parameter(response, "SubnetId")
    if any(nic.subnet.id == subnet_id for nic in response.ec2_backend.enis.values()):
        raise refusal("DependencyViolation", f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
    return proceed()


@intercept(EC2Response, "detach_internet_gateway")
def detach_internet_gateway(response: Any, proceed: Callable[[], Any]) -> Any:
    """Refuse while an instance of the network has a public address."""
    vpc_id = parameter(response, "VpcId")
    if any(nic.vpc_id == vpc_id and nic.public_ip for nic in response.ec2_backend.enis.values()):
        message = (
            f"Network {vpc_id} has some mapped public address(es). "
            "Please unmap those public address(es) before detaching the gateway."
        )
        raise refusal("DependencyViolation", message)
    return proceed()


@intercept(EC2Response, "delete_vpc")
def delete_vpc(response: Any, proceed: Callable[[], Any]) -> Any:
    """Refuse while the network has a gateway or groups of its own."""
    backend, vpc_id = response.ec2_backend, parameter(response, "VpcId")
    gateways = any(gateway.vpc and gateway.vpc.id == vpc_id for gateway in backend.internet_gateways.values())
    groups = any(group.vpc_id == vpc_id and not group.is_default for group in backend.describe_security_groups())
    if gateways or groups:
        raise refusal("DependencyViolation", f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
    return proceed()
