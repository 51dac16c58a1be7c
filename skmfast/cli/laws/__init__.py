"""``skmfast laws``: what the theory predicts, and what real data say. A module for each kind of command."""

import importlib

from skmfast.cli.laws.app import laws

__all__ = ["laws"]

# Importing one registers its commands, in the order of the help.
for _module in ("theory", "texts", "losses", "figures"):
    importlib.import_module(f"{__name__}.{_module}")
