"""The Pulumi program: GPU boxes as the stack's settings want them, in one network."""

from __future__ import annotations

import pulumi

from infra.box import Box, BoxArgs
from infra.cloud import Cloud
from infra.guardrails import Guardrails, GuardrailsArgs
from infra.network import Network, NetworkArgs
from infra.outputs import export_document, export_summary
from infra.peers import Peers, PeersArgs
from infra.placement import Placement
from infra.refusal import refusals
from infra.settings.load import load_settings


def run() -> None:
    """Check everything, then declare everything."""
    with refusals():
        _declare()


def _declare() -> None:
    cloud = Cloud()
    settings = load_settings(cloud)
    placement = Placement.find(settings, cloud)

    network = Network(
        pulumi.get_project(),
        NetworkArgs(region=cloud.region, cidr=settings.vpc_cidr, zones=placement.zones, site=placement.site),
        cloud.options,
    )
    several = settings.hosts > 1
    peers = Peers(pulumi.get_project(), PeersArgs(vpc_id=network.vpc_id), cloud.options) if several else None
    boxes = [
        Box(host.host_name, BoxArgs(settings=host, placement=placement, network=network, peers=peers), cloud.options)
        for host in settings.per_host()
    ]
    if settings.budget_monthly_usd is not None:
        wanted = GuardrailsArgs(
            monthly_usd=settings.budget_monthly_usd,
            email=settings.budget_email,
            forecast=settings.budget_forecast,
            stops=[box.host.instance.id for box in boxes] if settings.budget_action == "stop" else [],
            cloud=cloud,
            boundary=settings.permissions_boundary,
        )
        Guardrails("guardrails", wanted, cloud.options)

    export_document(cloud, boxes)
    export_summary(boxes)
