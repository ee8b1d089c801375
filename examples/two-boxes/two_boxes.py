"""Two boxes in one network: a T4 with DIGITS to train on, and a cheap spot box with Caffe alone for experiments."""

import sys
from pathlib import Path

import pulumi

# gpurig is not an installed package: a program elsewhere names the folder of its checkout.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from infra.box import Box, BoxArgs
from infra.cloud import Cloud
from infra.network import Network, NetworkArgs
from infra.outputs import export_document
from infra.placement import Placement
from infra.refusal import refusals
from infra.settings.load import load_settings

BOXES = (
    {"hostName": "trainer", "recipe": "digits", "instanceType": "g4dn.xlarge"},
    {"hostName": "lab", "recipe": "caffe", "instanceType": "g5.xlarge", "spot": "true", "jobVolumeGib": "20"},
)


def main() -> None:
    """Check both boxes, then declare one network and both boxes in it."""
    cloud = Cloud()
    wanted = [load_settings(cloud, overrides=overrides) for overrides in BOXES]
    placements = [Placement.find(settings, cloud) for settings in wanted]

    zones = [zone for placement in placements for zone in placement.zones]
    where = NetworkArgs(region=cloud.region, cidr=wanted[0].vpc_cidr, zones=zones, site=placements[0].site)
    network = Network("pair", where, cloud.options)
    boxes = [
        Box(settings.host_name, BoxArgs(settings=settings, placement=placement, network=network), cloud.options)
        for settings, placement in zip(wanted, placements, strict=True)
    ]
    export_document(cloud, boxes)
    for box in boxes:
        pulumi.export(f"{box.settings.host_name}Address", box.address)


with refusals():
    main()
