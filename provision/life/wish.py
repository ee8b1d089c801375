"""What a box is wanted for: out of the stack's settings, and what the command line says instead of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Self

from provision.catalogue.catalogue import Catalogue
from provision.catalogue.compatibility import licences
from provision.model.errors import BadInput
from provision.model.host import Host
from provision.model.platforms import NO_GPU, gpus, images
from provision.model.target import Target
from provision.transport.settings import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provision.model.platforms import InstanceType
    from provision.transport.settings import StackSettings

DEFAULT_TYPE, BOOT_RECIPE = "g4dn.xlarge", "base"
"""As in infra.settings, where there is no stack to say so."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """A box that is wanted, and where."""

    profile: str
    region: str
    recipe: str
    boot_recipe: str = BOOT_RECIPE
    image: str = Target.image
    """The image whose rules apply."""
    instance_type: str = DEFAULT_TYPE
    """What the stack is set to."""
    uses_gpu: bool = True
    """False where the stack declares that there is no GPU."""
    sources: Mapping[str, str] = dataclasses.field(default_factory=dict)
    subnets: tuple[str, ...] = ()
    """Those of a network that is there already, in one of which a box has to stand."""
    hosts: int = 1
    spot: bool = False
    max_price: float | None = None
    """USD an hour that an instance may cost; None: no ceiling."""

    @classmethod
    def of(cls, settings: StackSettings, *, recipe: str = "", region: str = "", spot: bool = False) -> Self:
        """Read the settings. Raises `BadInput` where there is no region, and for a recipe or image that is unknown."""
        wish = cls.read(settings, recipe=recipe, region=region, spot=spot)
        recipes = Catalogue().recipes
        problems = [] if wish.region else ["no region is set: --region eu-west-1, or pulumi config set aws:region …"]
        if wish.recipe not in recipes:
            problems.append(f'there is no recipe "{wish.recipe}"; there are: {", ".join(sorted(recipes))}')
        if wish.image not in images():
            problems.append(f'gpurig:image: "{wish.image}" needs gpurig:imageOs, one of {", ".join(images())}')
        if problems:
            raise BadInput(problems)
        return wish

    @classmethod
    def read(cls, settings: StackSettings, *, recipe: str = "", region: str = "", spot: bool = False) -> Self:
        """Read the settings as they are, right or wrong."""
        return cls(
            profile=settings.profile,
            region=region or settings.region,
            recipe=recipe or settings.get("recipe", Host.recipe),
            boot_recipe=settings.get("bootRecipe", BOOT_RECIPE),
            image=settings.get("imageOs") or settings.get("image", Target.image),
            instance_type=settings.get("instanceType", DEFAULT_TYPE),
            uses_gpu=settings.get("gpu") != NO_GPU,
            sources=settings.table("sources"),
            subnets=settings.names("subnetId"),
            hosts=whole_number(settings, "hosts", 1),
            spot=spot or settings.is_on("spot"),
        )

    def misfit(self, kind: InstanceType, catalogue: Catalogue) -> str:
        """Return why an instance type cannot run what is wanted, "" where it can. Licences count as accepted."""
        if self.uses_gpu and kind.gpu not in gpus():
            return "it has no GPU that recipes know"
        model = gpus().get(kind.gpu)
        target = Target(
            image=self.image,
            gpu=kind.gpu if self.uses_gpu else NO_GPU,
            compute=model.compute if model else Target.compute,
            user=images()[self.image].user,
            sources=self.sources,
            licences=licences(catalogue),
        )
        problems = catalogue.problems(tuple(dict.fromkeys((self.boot_recipe, self.recipe))), target)
        return problems[0].partition("; take ")[0] if problems else ""
