"""Verbs that recipes have, one a file: setup.py is `fab setup-<recipe>`, of the recipes with an example example.py."""
