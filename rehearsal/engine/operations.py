"""The verbs that change a stack: preview, ask, do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rehearsal.engine.cli import ask
from rehearsal.engine.deploy import Deployment
from rehearsal.engine.errors import ChangesFound, EngineError, UsageError
from rehearsal.engine.session import Session

if TYPE_CHECKING:
    from rehearsal.engine.cli import Arguments
    from rehearsal.engine.display import Display


def preview(args: Arguments) -> None:
    """`pulumi preview`: say what `up` would do."""
    session = Session.open(args.folder, args.stack)
    _run(session, "update", args, preview=True, quiet=args.json)


def up(args: Arguments) -> None:
    """`pulumi up`: make the stack what the program says."""
    _operate(args, "update")


def refresh(args: Arguments) -> None:
    """`pulumi refresh`: make the state what the providers find."""
    if args.clear_pending_creates or args.interactive:
        session = Session.open(args.folder, args.stack)
        with session.locked():
            _clear_pending_creates(session, asking=not args.clear_pending_creates)
    _operate(args, "refresh")


def _clear_pending_creates(session: Session, *, asking: bool) -> None:
    """Forget the creations that were interrupted, or those of them that the user says to forget."""
    state = session.load_state(writable=True)
    for operation in [each for each in state.pending if each.kind == "creating"]:
        question = f"{operation.resource.urn} was interrupted while it was created. Clear that? [yes/no] "
        if not asking or ask(question) == "yes":
            state.end(operation)


def destroy(args: Arguments) -> None:
    """`pulumi destroy`: delete everything in the stack."""
    _operate(args, "destroy")
    print(
        "The resources in the stack have been deleted, but the history and configuration associated with the "
        "stack are still maintained. \nIf you want to remove the stack completely, run `pulumi stack rm`."
    )


def _operate(args: Arguments, verb: str) -> None:
    if not (args.yes or args.skip_preview or args.interactive):
        kind = EngineError if verb == "refresh" else UsageError  # Pulumi's exit codes differ here
        raise kind("--yes or --skip-preview must be passed in to proceed when running in non-interactive mode")
    session = Session.open(args.folder, args.stack)
    with session.locked():
        if not args.skip_preview:
            planned = _run(session, verb, args, preview=True, expected=True)
            if not args.yes:
                _ask(session, verb, planned)
        _run(session, verb, args, preview=False)


def _run(
    session: Session, verb: str, args: Arguments, *, preview: bool, quiet: bool = False, expected: bool = False
) -> Display:
    """Run once; `expected` says that changes are no reason to stop, whatever the flags say."""
    refresh_first = getattr(args, "refresh", False)
    deployment = Deployment(session, verb, preview=preview, quiet=quiet, refresh_first=refresh_first)
    display = deployment.run()
    if getattr(args, "diff", False):
        display.show_details(deployment.olds)
    if quiet:
        print(json.dumps(display.document(), indent=2))
    if args.expect_no_changes and display.changes and not expected:
        raise ChangesFound(
            f"no changes were expected for {'preview' if verb == 'update' and preview else verb} but "
            "changes were proposed"
        )
    return display


def _ask(session: Session, verb: str, planned: Display) -> None:
    """Ask for consent; raise EngineError where it is not given."""
    question = f"Do you want to perform this {verb}? [yes/no/details] "
    while (answer := ask(question)) not in ("yes", "no", ""):
        if answer == "details":
            planned.show_details({each.urn: each for each in session.load_state(writable=False).resources})
    if answer != "yes":
        raise EngineError(f"confirmation declined, not proceeding with the {verb}")
