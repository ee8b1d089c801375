"""How a verb is declared, and the Fabric task that comes of it.

Errors become a message and an exit code here, and a host that failed ends the program, whatever the verb itself does.
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

import fabric
from invoke.exceptions import Exit

from provision.model.errors import GpurigError
from provision.screen import terminal
from provision.tasks.context import Context, given_hosts
from provision.tasks.output import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from invoke.parser import Argument

    from provision.catalogue.outline import Outline
    from provision.catalogue.recipe import Recipe

LIMIT = "only the hosts of these names or addresses, with commas between"
CHOICES = {
    "source": "RECIPE=SOURCE: where to take a recipe from; may be given more than once",
    "accept": "a licence that you have read and accept; may be given more than once",
}
STOPPED = "stopped watching; what runs on the host goes on, and the same command finds it again"
KEYWORD = inspect.Parameter.KEYWORD_ONLY
_DEFAULTS = {field.name: field.default for field in dataclasses.fields(Context)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class verb:  # noqa: N801 - a decorator
    """Declares that a function is the verb of its name: it gets a `Context`, and its parameters are the options.

    A parameter without a default is an argument that has to be given; one with None is a list, and may be given often.
    """

    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Parameter → its help."""
    limit: str = LIMIT
    """The help of `--limit`, "" where there is no such option."""
    json: str = ""
    """The help of `--json`, "" where there is no such option."""
    choices: bool = False
    """Whether there are `--source` and `--accept`."""
    argument: str = ""
    """The option that a bare word after the verb is for, all bare words where it is a list: `fab logs train-1`."""
    rest: str = ""
    """The option that what comes after `--` is for."""
    looks: bool = False
    """Whether it changes nothing on a box: it does not wait for one that boots."""
    stopped: str = STOPPED
    """What Ctrl-C means."""
    short_options: bool = True
    """Whether options have a short form: -l for --limit."""
    about: Callable[[Any], str] | None = None
    """Of a verb that recipes have: what the help of one says. Its function gets the recipe after the context."""

    @property
    def shared(self) -> dict[str, str]:
        """The fields of `Context` that are options of this verb, with their help."""
        texts = {"json": self.json, **(CHOICES if self.choices else {}), "limit": self.limit}
        return {name: text for name, text in texts.items() if text}

    def __call__(self, body: Callable[..., None]) -> Verb:
        """Return the task of a function."""
        return Verb(self, body)


class Verb(fabric.Task):  # type: ignore[misc] # fabric has no types
    """A verb as Fabric knows it, or one recipe's."""

    def __init__(self, declared: verb, body: Callable[..., None], recipe: Recipe | Outline | None = None) -> None:
        self.declared, self.recipe = declared, recipe
        name = f"{body.__name__}-{recipe.name}" if recipe else None
        lists = [option.name for option in inspect.signature(body).parameters.values() if option.default is None]
        super().__init__(body, name=name, iterable=[*lists, *CHOICES], auto_shortflags=declared.short_options)
        if recipe and declared.about:
            self.__doc__ = declared.about(recipe)

    def of(self, recipe: Recipe | Outline) -> Verb:
        """Return the task of one recipe."""
        return Verb(self.declared, self.body, recipe)

    def argspec(self, body: Callable[..., None]) -> inspect.Signature:
        """Return the options: those of the function, then the shared ones."""
        parameters = list(inspect.signature(body).parameters.values())[2 if self.declared.about else 1 :]
        shared = [inspect.Parameter(name, KEYWORD, default=_DEFAULTS[name]) for name in self.declared.shared]
        return inspect.Signature([*parameters, *shared])

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return the options for Fabric's parser."""
        self.help = {**self.declared.options, **self.declared.shared}  # each call uses it up
        found: list[Argument] = super().get_arguments(ignore_unknown_help)
        for argument in found:
            if argument.kind is list:
                argument.raw_value = None  # Invoke begins with [], and then takes that for a value that was given
            elif argument.default and argument.takes_value:
                argument.help = f"{argument.help} (default: {argument.default})"
        return found

    def __call__(self, call: Any, **options: Any) -> None:
        """Run the verb. Raises `Exit` where it fails, where a host did, and on Ctrl-C."""
        # With `-H a,b` Fabric calls once for each host, and the first call takes them all.
        self.times_called += 1
        if (self.times_called - 1) % max(len(given_hosts(call)), 1):
            return
        context = Context(call, **{name: options.pop(name) for name in self.declared.shared})
        context.waits = not self.declared.looks
        try:
            self.body(context, *([self.recipe] if self.recipe else []), **options)
        except GpurigError as error:
            raise Exit(f"error: {error}", error.exit_code) from error
        except KeyboardInterrupt:
            raise Exit(self.declared.stopped, 130) from None
        except BrokenPipeError:
            raise terminal.nobody_reads() from None
        finally:
            for summary in context.summaries:
                tell(summary)
        if context.exit_codes:
            raise Exit(code=context.exit_codes[0])
