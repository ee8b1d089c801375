"""The rehearsal cloud: an AWS API, a Pulumi engine and systemd boxes on this machine, where AWS would stand."""

import sys

if sys.platform == "win32":  # before a module of it misses what Unix has
    raise SystemExit("error: the rehearsal cloud needs Linux: in WSL it runs as on Debian; pulumi and fab work here")
