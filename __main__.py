"""The Pulumi program: a stack of boxes. One of your own composes the components of `infra` instead."""

from infra.program import run

run()
