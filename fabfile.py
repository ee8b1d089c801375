"""What `fab` runs: every task is in `provision.tasks`."""

from invoke.exceptions import Exit

from provision.model.errors import BadInput
from provision.screen import terminal
from provision.tasks import collection

# Before anything is printed: much of it is what a box said.
terminal.guard()

try:
    ns = collection()
except BadInput as error:  # a recipe of the user's own
    raise Exit(f"error: {error}", error.exit_code) from error
