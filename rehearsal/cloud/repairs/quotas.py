"""Service Quotas of EC2: moto knows those of VPC alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.responses import ServiceQuotasResponse

from rehearsal.cloud import quotas
from rehearsal.cloud.hooks import intercept

if TYPE_CHECKING:
    from collections.abc import Callable

_NEVER_ASKED = 0.0
"""What AWS gives by default: none of the classes with GPUs."""


@intercept(ServiceQuotasResponse, "get_service_quota")
def get_service_quota(response: Any, proceed: Callable[[], Any]) -> Any:
    """Return the account's own value of a quota of EC2."""
    request = json.loads(response.body)
    if request.get("ServiceCode") != "ec2":
        return proceed()
    return json.dumps({"Quota": _quota(response, request.get("QuotaCode"), quotas.value)})


def get_aws_default_service_quota(response: Any) -> str:
    """Return the value that AWS gives to everybody."""
    request = json.loads(response.body)
    return json.dumps({"Quota": _quota(response, request.get("QuotaCode"), lambda _: _NEVER_ASKED)})


ServiceQuotasResponse.get_aws_default_service_quota = get_aws_default_service_quota


def _quota(response: Any, code: str, value: Callable[[str], float]) -> dict[str, Any]:
    if code not in quotas.NAMES:
        raise NoSuchResource
    return {
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": f"arn:aws:servicequotas:{response.region}:{response.current_account}:ec2/{code}",
        "QuotaCode": code,
        "QuotaName": quotas.NAMES[code],
        "Value": value(code),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
