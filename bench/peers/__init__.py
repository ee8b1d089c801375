"""What other tools are given to do in `bench.fleet`: the same check of a finished host, as each would write it."""
