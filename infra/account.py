"""The AWS account that everything is made in, as `aws:` and the environment say: its one provider, and who asks."""

from __future__ import annotations

import functools
import os
import re
from typing import TYPE_CHECKING, Any, TypeVar

import pulumi
import pulumi_aws as aws

from infra.identity import name_tags
from provision.model import aws_settings, tags
from provision.model.errors import BadInput
from provision.model.partitions import no_prices, partition_of
from provision.model.prices import PRICE_LIST_REGIONS, PRICES_PROVIDER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Answer = TypeVar("Answer")


def _asked(provider: aws.Provider, question: Callable[..., Answer], wrong: str, arguments: Mapping[str, Any]) -> Answer:
    try:
        return question(**arguments, opts=pulumi.InvokeOptions(provider=provider))
    except Exception as error:  # the SDK raises no narrower class for a failed invoke
        raise BadInput([f"{wrong}: {str(error).rpartition('api error ')[2]}"]) from error


def _configured() -> tuple[dict[str, Any], list[str]]:
    config, prefix = pulumi.Config(aws_settings.NAMESPACE), f"{aws_settings.NAMESPACE}:"
    given = [key.removeprefix(prefix) for key in pulumi.runtime.get_config_env() if key.startswith(prefix)]
    return aws_settings.read({key: text for key in given if (text := config.get(key)) is not None})


def _snake(key: str) -> str:
    return re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", key)


class Account:
    """An account and region of AWS."""

    def __init__(self) -> None:
        self._settings, self.problems = _configured()
        """What is wrong with `aws:`, for `load_settings` to refuse together with the rest."""
        environment = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
        self.region: str = self._settings.get("region") or environment
        """As the AWS provider reads it; empty where neither says, which `load_settings` refuses."""
        self.reach = aws_settings.reach(self._settings)
        """How `fab` reaches it (`provision.model.aws_settings`)."""

    @property
    def own_tags(self) -> dict[str, str]:
        """The user's own tags, of everything that is made here: `aws:defaultTags`."""
        given: dict[str, str] = self._settings.get("defaultTags", {}).get("tags", {})
        return given

    @functools.cached_property
    def provider(self) -> aws.Provider:
        """The provider of every resource; made when first needed, so that wrong settings need no AWS to be refused."""
        ignored = self._settings.get("ignoreTags", {})
        wanted = {
            **self._given(),
            "region": self.region,
            "default_tags": {"tags": {**self.own_tags, **name_tags(), tags.MANAGED_BY: "pulumi"}},
            # Set beside what the program declares of a resource; without this a refresh and an update would take
            # them off again: `fab` keeps the hours of a box in the one, `infra.host` notes in the other.
            "ignore_tags": {**ignored, "keys": [*ignored.get("keys", ()), tags.UPTIME, tags.ATTACHED]},
        }
        return aws.Provider("aws", **wanted)

    def _given(self) -> dict[str, Any]:
        """Return what the settings say that holds in every region, as the provider's arguments."""
        here = ("region", "defaultTags", "ignoreTags")
        given = {_snake(key): value for key, value in self._settings.items() if key not in here}
        return {"max_retries": aws_settings.MAX_RETRIES, **given}

    def ask(self, question: Callable[..., Answer], wrong: str, **arguments: Any) -> Answer:
        """Return the answer of a pulumi_aws look-up. Raises `BadInput` that begins with `wrong` when AWS has none."""
        return _asked(self.provider, question, wrong, arguments)

    def ask_prices(self, question: Callable[..., Answer], wrong: str, **arguments: Any) -> Answer:
        """Ask as `ask` does, in the region where AWS tells the prices of all: its Price List has no other address."""
        partition = partition_of(self.region)
        if not partition.prices:
            raise BadInput([no_prices(partition)])
        return _asked(self._pricing, question, wrong, arguments)

    @functools.cached_property
    def _pricing(self) -> aws.Provider:
        if self.region in PRICE_LIST_REGIONS:
            return self.provider
        return aws.Provider(PRICES_PROVIDER, region=PRICE_LIST_REGIONS[0], **self._given())

    @functools.cached_property
    def _caller(self) -> Any:
        return self.ask(aws.get_caller_identity, "AWS account")

    @property
    def account(self) -> str:
        """The number of the account."""
        number: str = self._caller.account_id
        return number

    @property
    def caller_arn(self) -> str:
        """Who asks."""
        arn: str = self._caller.arn
        return arn

    @property
    def partition(self) -> str:
        """What ARNs begin with after "arn": aws, aws-cn or aws-us-gov."""
        return self.caller_arn.split(":")[1]
