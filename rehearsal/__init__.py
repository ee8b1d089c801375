"""The rehearsal cloud: an AWS API, a Pulumi engine and systemd boxes on this machine, where AWS would stand."""
