"""Deciding what a registration means: create, update, replace, or nothing; and doing it."""

from __future__ import annotations

import dataclasses
import functools
import os
import threading
import uuid
from typing import TYPE_CHECKING

from rehearsal.engine.compare import compare, describe
from rehearsal.engine.errors import EngineError
from rehearsal.engine.goal import Goal
from rehearsal.engine.ignoring import ignoring
from rehearsal.engine.ops import CREATE, CREATE_REPLACEMENT, REPLACE, UPDATE
from rehearsal.engine.providers import configuration
from rehearsal.engine.replacement import Replacements
from rehearsal.engine.resource import PROVIDER_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rehearsal.engine.names import Names
    from rehearsal.engine.providers import Providers
    from rehearsal.engine.resource import Resource
    from rehearsal.engine.steps import Steps
    from rehearsal.engine.wire import Properties


class Registrations:
    """The registrations of one run of the program; each comes in a thread of its own."""

    def __init__(
        self,
        names: Names,
        steps: Steps,
        providers: Providers,
        olds: Mapping[str, Resource],
        package_config: Callable[[str], Properties],
    ) -> None:
        self.names = names
        self.steps = steps
        self.providers = providers
        self._olds = olds
        self._package_config = package_config
        self._goals: dict[str, Goal] = {}
        self.news: dict[str, Resource] = {}
        """What this run has made of each resource so far, by URN."""
        self._replacements = Replacements(steps, providers, self._goals)
        self.stack_outputs: Properties | None = None
        self._claims = threading.Lock()
        self._default_lock = threading.Lock()

    def register(self, goal: Goal) -> Resource:
        """Make one resource what the program says it is."""
        urn = self.names.urn(goal.type, goal.name, goal.parent)
        with self.steps.work(urn):
            goal = goal.inheriting(self._goals.get(goal.parent))
            old = self._claim(urn, goal)
            if not goal.custom:
                new = self._component(goal.resource(urn, goal.inputs), old)
            elif goal.type.startswith(PROVIDER_TYPE):
                new = self._provider(goal, urn, old)
            else:
                new = self._custom(goal, urn, old)
            self.news[urn] = new
            return new

    def _claim(self, urn: str, goal: Goal) -> Resource | None:
        """Find what the resource was in the previous deployment."""
        with self._claims:
            if urn in self._goals:
                raise EngineError(f"Duplicate resource URN '{urn}'; try giving it a unique name")
            self._goals[urn] = goal
            return self._olds.get(urn)

    def outputs(self, urn: str, outputs: Properties) -> None:
        """Note the outputs of a component; those of the stack wait until the program has ended well."""
        if urn == self.names.root:
            self.stack_outputs = outputs
            return
        with self.steps.work(urn):
            old = self.news[urn]
            new = self.news[urn] = dataclasses.replace(old, outputs=outputs)
            swap = functools.partial(self.steps.state.swap, old, new)
            self.steps.state.end(None, [swap], write=new != old)

    def finish(self) -> None:
        """Note the stack's outputs."""
        root = self.news.get(self.names.root)
        if root is not None:
            new = dataclasses.replace(root, outputs=self.stack_outputs or {})
            self.steps.state.end(None, [functools.partial(self.steps.state.swap, root, new)], write=new != root)

    def _component(self, new: Resource, old: Resource | None) -> Resource:
        if old is None:
            return self.steps.record(CREATE, new)
        if old.inputs == new.inputs:
            return self.steps.keep(new, old)
        new = dataclasses.replace(new, outputs=old.outputs)
        return self.steps.record(UPDATE, new, old, describe((), old.inputs, new.inputs))

    # Providers

    def provider_for(self, token: str, reference: str, version: str) -> str:
        """Give the reference of the provider to use for a type or a function: the one asked for, else the default."""
        if reference:
            return self.providers.registered(reference).reference
        package = token.partition(":")[0]
        name = f"default_{version.replace('.', '_')}" if version else "default"
        kind = PROVIDER_TYPE + package
        with self._default_lock:
            urn = self.names.urn(kind, name)
            if urn not in self.news:
                self.register(Goal(type=kind, name=name, inputs=self._package_config(package), version=version))
            return self.news[urn].reference

    def _provider(self, goal: Goal, urn: str, old: Resource | None) -> Resource:
        provider = self.providers.start(goal.type.removeprefix(PROVIDER_TYPE))
        olds = configuration(old.inputs) if old else {}
        inputs = provider.check_config(urn, olds, configuration(goal.inputs))
        provider.configure(inputs)
        new = goal.resource(urn, {**inputs, **({"version": goal.version} if goal.version else {})})
        fresh = dataclasses.replace(new, id="" if self.steps.preview else str(uuid.uuid4()), outputs=new.inputs)
        if old is None:
            made = self.steps.record(CREATE, fresh)
        elif olds == inputs:
            made = self.steps.keep(new, old)
        else:
            diff = provider.diff_config(urn, olds, inputs)
            detail = describe(diff.changed, olds, inputs)
            if diff.replaces:
                made = self.steps.record(CREATE_REPLACEMENT, fresh, None, detail, [self._replacements.condemn(old)])
                self.steps.display.end(REPLACE, made, detail)
            else:
                made = self.steps.record(UPDATE, dataclasses.replace(fresh, id=old.id), old, detail)
        self.providers.register(made, provider)
        return made

    # Resources of a provider

    def _custom(self, goal: Goal, urn: str, old: Resource | None) -> Resource:
        reference = self.provider_for(goal.type, goal.provider, goal.version)
        provider = self.providers.of(reference)
        seed = os.urandom(32)
        fresh = goal.resource(urn, {}, reference)
        if (why := self._replacements.deleted_ahead(urn)) is not None:
            new = dataclasses.replace(fresh, inputs=provider.check(urn, {}, goal.inputs, seed))
            return self._replacements.create(new, provider, why)
        if old is None or old.external:
            new = dataclasses.replace(fresh, inputs=provider.check(urn, {}, goal.inputs, seed))
            return self.steps.create(new, provider)
        wanted = self._as_before(goal, urn, old)
        new = dataclasses.replace(fresh, inputs=provider.check(urn, old.inputs, wanted, seed))
        diff = compare(old, new, provider, self.providers)
        detail = describe(diff.changed, old.inputs, new.inputs)
        if not diff.changes:
            return self.steps.keep(new, old)
        if not diff.replaces:
            return self.steps.update(old, new, provider, detail)
        # The defaults that the old object carried do not bind a new one.
        new = dataclasses.replace(new, inputs=provider.check(urn, {}, wanted, seed))
        first = diff.delete_before_replace if goal.delete_before_replace is None else goal.delete_before_replace
        return self._replacements.replace(old, new, provider, detail, delete_first=first)

    def _as_before(self, goal: Goal, urn: str, old: Resource) -> Properties:
        """Give the inputs with what the program ignores as it was."""
        wanted, missed = ignoring(goal.ignore_changes, goal.inputs, old.inputs)
        if missed:
            wrong = "cannot ignore changes in added or removed elements of the path"
            self.steps.display.message(urn, "info", f'{wrong}: "{", ".join(missed)}"')
        return wanted

    def read(self, goal: Goal, ident: str) -> Resource:
        """Look up an object that is not managed here."""
        urn = self.names.urn(goal.type, goal.name, goal.parent)
        with self.steps.work(urn):
            old = self._claim(urn, goal)
            reference = self.provider_for(goal.type, goal.provider, goal.version)
            new = dataclasses.replace(goal.resource(urn, goal.inputs, reference), id=ident, external=True)
            also = []
            if old is not None and not old.external and old.id != ident:
                # The program has let go of one object and looks at another; of the same one it lets go and keeps it.
                also, old = [self._replacements.condemn(old)], None
            made = self.news[urn] = self.steps.read(new, old, self.providers.of(reference), also)
            return made
