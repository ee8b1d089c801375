"""What `fab` runs: every task is in `provision.tasks`."""

from provision.tasks import collection

ns = collection()
