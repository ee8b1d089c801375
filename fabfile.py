"""What `fab` runs: every task is in `provision.tasks`."""

from invoke.exceptions import Exit

from provision.model.errors import BadInput
from provision.tasks import collection

try:
    ns = collection()
except BadInput as error:  # a recipe of the user's own
    raise Exit(f"error: {error}", error.exit_code) from error
