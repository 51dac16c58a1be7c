"""The command line. Nothing heavy is imported before a command runs: ``--help`` answers at once."""

import importlib
import sys

# Modules of this package; importing one registers its commands with skmfast.cli.app.
MODULES = ("codelength", "codes", "compress", "demo", "experiment", "generate", "laws", "report", "structure")


def main() -> None:
    """Run the ``skmfast`` command."""
    try:
        from skmfast.cli.app import run

        for name in MODULES:
            importlib.import_module(f"skmfast.cli.{name}")
        run()
    except KeyboardInterrupt:  # before the app was there to hear of it
        sys.exit(130)
