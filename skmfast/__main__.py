"""``python -m skmfast`` is the ``skmfast`` command."""

from skmfast.cli import main

main()
