"""The command line. Nothing heavy is imported before a command runs: ``--help`` answers at once."""


def main() -> None:
    """Run the ``skmfast`` command: register every command with the app, then hand over."""
    from skmfast.cli import codelength, codes, compress, demo  # noqa: F401 - importing registers
    from skmfast.cli.app import run

    run()
