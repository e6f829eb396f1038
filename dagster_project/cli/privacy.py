"""`privacy scan`, `decrypt` and `pseudonym`: personal data in the lake."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from dagster_project.cli import output
from dagster_project.cli.catalog import checked_catalog
from dagster_project.nightly.exit_codes import ExitCode
from dagster_project.settings import Settings

if TYPE_CHECKING:
    from ingestion.privacy.keys import KeyRing

app = typer.Typer(
    help="Personal data: find what nobody declared, open what was encrypted.",
    no_args_is_help=True,
)

Value = Annotated[
    str | None,
    typer.Argument(
        metavar="[VALUE]",
        help="Without it, one value a line is read from the standard input, which "
        "keeps it out of the shell's history.",
        show_default=False,
    ),
]


@app.command("scan")
def scan(
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="NAME", help="Only this source. Repeatable."),
    ] = None,
    load: Annotated[
        list[str] | None,
        typer.Option("--load", metavar="ID", help="Only this load. Repeatable."),
    ] = None,
) -> None:
    """List properties whose texts look like e-mail, phone or card numbers.

    Fields that events.yml declares personal are left out. Values are never shown.

    Example: `daybreak privacy scan --source web`
    """
    from ingestion.privacy.free_text import scan_loads
    from ingestion.privacy.plan import declared_fields

    settings = Settings()
    findings = scan_loads(
        settings.lake,
        declared_fields(checked_catalog(settings).events),
        load_ids=load or None,
        sources=source or (),
        threads=settings.threads,
        memory_limit=settings.memory_limit,
    )
    console = output.console()
    if not findings:
        console.print("No text looks like an e-mail address, a phone or card number.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Source", "Event", "Property", "Kind", "Values", "Such as"):
        table.add_column(name, overflow="fold")
    for one in findings:
        table.add_row(
            escape(one.source),
            escape(one.event_name),
            escape(one.property),
            one.kind,
            f"{one.value_count:,}",
            escape(", ".join(one.examples)),
        )
    console.print(table)
    console.print("Declare them under `personal` in events.yml: drop, hash, encrypt.")


@app.command("decrypt")
def decrypt(value: Value = None) -> None:
    """Open values that were encrypted at the door (`enc:k1:...`).

    Needs the key that the value names in DAYBREAK_PERSONAL_KEYS.

    Example: `daybreak privacy decrypt enc:k1:3q2-7w...`
    """
    ring = usable_keys(Settings())
    for one in _values(value):
        typer.echo(ring.decrypt(one))


@app.command("pseudonym")
def pseudonym(value: Value = None) -> None:
    """Show under which pseudonyms a value may stand, the current key first.

    Example: `daybreak privacy pseudonym ann@example.com`
    """
    ring = usable_keys(Settings())
    for one in _values(value):
        for found in ring.pseudonyms(one):
            typer.echo(found)


def usable_keys(settings: Settings) -> KeyRing:
    """Return the keys of personal data, or end the process: there are none."""
    from dagster_project.landing_options import personal_keys

    ring = personal_keys(settings)
    if ring is None:
        output.complain("there is no key: set DAYBREAK_PERSONAL_KEYS")
        raise typer.Exit(ExitCode.USAGE)
    return ring


def _values(value: str | None) -> list[str]:
    if value is not None:
        return [value]
    return [line.rstrip("\r\n") for line in sys.stdin if line.strip()]
