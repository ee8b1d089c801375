"""What of a first `pulumi up` depends on the AWS account: who asks, the region, quotas, zones, the image, the clock."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from provision.aws import machines, quotas
from provision.aws.clients import answer_of, aws_errors, client, error_code, is_expired, now_of
from provision.life.doctor import error, ok, warning
from provision.model.aws_settings import profile_of
from provision.model.errors import GpurigError
from provision.model.platforms import BAKED, images, instance_types

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provision.life.doctor import Finding
    from provision.life.wish import Wish

SKEW_S = 60
"""How far off a clock may be without a word; AWS refuses requests whose time is more than five minutes off."""
REFUSED_S = 300
_NO_RIGHT = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
"""AWS's codes for a right that the credentials lack: of most services, of those with JSON, of EC2."""


def _not_told(wrong: GpurigError, rights: str) -> Finding:
    """Return that the credentials may not ask what `pulumi up` does without. Raises `wrong` where that is not it."""
    if error_code(wrong) not in _NO_RIGHT:
        raise wrong
    return warning(wrong.what, f"pulumi up may work all the same; this check needs {rights}")


class Account:
    """The account of a wish: asked once who it is, which all other checks wait for."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self.skew: float | None = None
        """How far this machine's clock is ahead of AWS's, seconds; None: AWS did not answer."""

    def identity(self) -> Finding:
        """Check the credentials, and say whose they are."""
        profile = profile_of(self._wish.profile)
        named, option = (f" of profile {profile}", f" --profile {profile}") if profile else ("", "")
        mend = f"aws configure{option}, or aws configure sso{option}; pulumi config set aws:profile NAME"
        try:
            with aws_errors(f"the credentials{named} do not work"):
                answer = client("sts", self._wish.profile, self._wish.region or "us-east-1").get_caller_identity()
        except GpurigError as wrong:
            self._note_clock(answer_of(wrong.__cause__))
            if wrong.__cause__ is not None and is_expired(wrong.__cause__):
                return error(f"the sign-on{named} has run out", f"log in again: aws sso login{option}")
            return error(wrong.what, wrong.hint or mend)
        self._note_clock(answer)
        return ok(f"{answer['Arn']}, account {answer['Account']}{named}")

    def _note_clock(self, answer: Mapping[str, Any]) -> None:
        with contextlib.suppress(GpurigError, KeyError):  # no answer, or one without a time
            self.skew = time.time() - now_of(answer)

    def clock(self) -> Finding:
        """Compare this machine's clock with AWS's."""
        if self.skew is None:
            return warning("AWS did not answer, so that its time is not known", "see credentials")
        off = f"{abs(self.skew):.0f} s {'ahead of' if self.skew > 0 else 'behind'} AWS's"
        mend = "set it: timedatectl set-ntp true"
        if abs(self.skew) >= REFUSED_S:
            return error(f"this clock is {off}, and AWS refuses what comes so far off", mend)
        return warning(f"this clock is {off}", mend) if abs(self.skew) > SKEW_S else ok("as AWS's")

    def region(self) -> Finding:
        """Check that the region is one that the account may use."""
        wish = self._wish
        try:
            with aws_errors(f"{wish.region} does not answer"):
                rows = client("ec2", wish.profile, wish.region).describe_regions(AllRegions=True)["Regions"]
        except GpurigError as wrong:
            return _not_told(wrong, "ec2:DescribeRegions")
        state = {row["RegionName"]: row.get("OptInStatus", "") for row in rows}.get(wish.region)
        if state == "not-opted-in":
            return error(
                f"{wish.region} is not switched on in this account", "AWS console, Account, AWS Regions: enable it"
            )
        return ok(wish.region) if state else error(f"AWS has no region {wish.region}", "pulumi config set aws:region …")

    def quota(self, *, spot: bool) -> Finding:
        """Check that the quota holds the stack's boxes, on demand or as spot."""
        wish, how = self._wish, "as spot" if spot else "on demand"
        kind = instance_types().get(wish.instance_type) or machines.described(
            wish.profile, wish.region, wish.instance_type
        )
        code = quotas.code_of(wish.instance_type, spot=spot)
        if kind is None or not code:
            return warning(
                f"which quota {wish.instance_type} counts for is not known here", "AWS console, Service Quotas, EC2"
            )
        try:
            quota, needed = quotas.of(wish.profile, wish.region, code), kind.vcpus * wish.hosts
        except GpurigError as wrong:
            return _not_told(wrong, "servicequotas:GetServiceQuota, GetAWSDefaultServiceQuota, ec2:DescribeInstances")
        said = f"{quota.left} of {quota.vcpus} vCPUs are left {how} for {wish.instance_type}, which needs {needed}"
        mend = f"ask for more: {quota.link} ({quota.name}); it may take days"
        if quota.left >= needed:
            return ok(said)
        return error(said, mend) if spot == wish.spot else warning(f"{said}; the stack is not set to it", mend)

    def zones(self, zone: str) -> Finding:
        """Check where the instance type is offered."""
        wish = self._wish
        offered = machines.zones_with(wish.profile, wish.region, [wish.instance_type])[wish.instance_type]
        if not offered:
            return error(f"{wish.instance_type} is not offered in {wish.region}", "fab offers shows what is")
        if zone and zone not in offered:
            return error(
                f"gpurig:zone: {zone} does not offer {wish.instance_type}",
                f"pulumi config set gpurig:zone {offered[0]}",
            )
        return ok(f"{wish.instance_type} is offered in {', '.join(offered)}")

    def image(self, name: str) -> Finding:
        """Check that the image can be had in the region."""
        wish = self._wish
        if name == BAKED:
            return ok("a baked one: pulumi preview finds the newest")
        known = images().get(name)
        with aws_errors(f"image {name} is not to be had in {wish.region}"):
            if known and known.parameter:
                found = client("ssm", wish.profile, wish.region).get_parameter(Name=known.parameter)["Parameter"][
                    "Value"
                ]
                return ok(f"{name}: {found}")
            ec2 = client("ec2", wish.profile, wish.region)
            named = [{"Name": "name", "Values": [known.pattern]}] if known else []
            more = {"Owners": [known.owner], "Filters": named} if known else {"ImageIds": [name]}
            rows = ec2.describe_images(**more)["Images"]
        if not rows:
            return error(
                f"image {name} is not to be had in {wish.region}", "pulumi config set gpurig:image ubuntu-22.04"
            )
        return ok(f"{name}: {max(rows, key=lambda row: row.get('CreationDate', ''))['ImageId']}")
