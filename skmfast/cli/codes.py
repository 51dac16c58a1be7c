"""``skmfast codes``: which codes there are."""

from __future__ import annotations

from skmfast.cli.app import app, console
from skmfast.cli.options import Json  # noqa: TC001 (typer reads these)


@app.command()
def codes(json: Json = False) -> None:
    """List the codes, their parameters and the defaults."""
    from skmfast.codes.registry import ENTRIES, parameters_of

    listing = {name: parameters_of(name) for name in ENTRIES}
    if json:
        import json as json_module
        from dataclasses import asdict

        out = [
            {"code": name, "about": entry.about, "parameters": [asdict(each) for each in listing[name]]}
            for name, entry in ENTRIES.items()
        ]
        print(json_module.dumps(out, indent=2))
        return

    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("code", style="bold", no_wrap=True)
    table.add_column("parameters and defaults")
    table.add_column("what it is")
    for name, entry in ENTRIES.items():
        settings = "\n".join(f"{each.name}={each.default}" for each in listing[name])
        table.add_row(Text(name), Text(settings), Text(entry.about))
    screen = console(min_width=120)
    screen.print(table)
    screen.print(
        "Write code:parameter=value,parameter=value, as in context-tree:depth=12. The main\n"
        "parameter needs no name: zstd:19, xz:9e."
    )
