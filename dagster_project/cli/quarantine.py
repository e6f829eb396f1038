"""`quarantine list` and `quarantine replay`: rows that could not be used."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from dagster_project.cli import output
from dagster_project.cli.catalog import checked_catalog
from dagster_project.settings import Settings

app = typer.Typer(
    help="Rows that could not be used: see why, and try them again.",
    no_args_is_help=True,
)

Reason = Annotated[
    list[str] | None,
    typer.Option("--reason", metavar="CODE", help="Only this reason. Repeatable."),
]
Source = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="NAME", help="Only this source. Repeatable."),
]
Load = Annotated[
    list[str] | None,
    typer.Option("--load", metavar="ID", help="Only this load. Repeatable."),
]
EXAMPLE_WIDTH = 70


@app.command("list")
def list_rows(reason: Reason = None, source: Source = None, load: Load = None) -> None:
    """Show the rows that wait, by file and reason, each with an example.

    Examples:

    - `daybreak quarantine list`

    - `daybreak quarantine list --reason malformed_json`
    """
    from ingestion.quarantine import list_quarantine

    found = list_quarantine(
        Settings().lake,
        load_ids=load or (),
        reasons=reason or (),
        sources=source or (),
        examples=1,
    )
    console = output.console()
    if found.empty:
        console.print("No row waits in quarantine.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Reason", "Source", "File", "Rows", "First line", "Example"):
        table.add_column(name, overflow="fold", max_width=EXAMPLE_WIDTH)
    for row in found.to_dict(orient="records"):
        examples = [str(one) for one in row["examples"] if one is not None]
        table.add_row(
            row["reason_code"],
            escape(row["source"]),
            escape(row["file"]),
            f"{row['row_count']:,}",
            _line_number(row["first_line"]),
            escape(examples[0][:EXAMPLE_WIDTH] if examples else ""),
        )
    console.print(table)
    for code, sentence in (
        found.drop_duplicates("reason_code").set_index("reason_code")["reason"].items()
    ):
        console.print(f"[bold]{code}[/]: {escape(str(sentence))}", highlight=False)


def _line_number(value: object) -> str:
    return "" if value is None or value != value else f"{int(float(str(value))):,}"


@app.command("replay")
def replay_rows(
    reason: Reason = None, source: Source = None, load: Load = None
) -> None:
    """Try waiting rows again: after a change of the catalog, or of a file.

    Rows that are usable now land; the others stay, with their reason.

    Example: `daybreak quarantine replay --reason unknown_event`
    """
    from dagster_project.landing_options import landing_options
    from dagster_project.open_erasure import refuse_open_erasure
    from dagster_project.run_lock import hold_run_lock
    from ingestion.quarantine import replay

    settings = Settings()
    catalog = checked_catalog(settings)
    now = datetime.now(UTC)
    with hold_run_lock(
        settings.run_lock, "daybreak quarantine replay", f"{now:%Y-%m-%d %H:%M:%S}Z"
    ):
        refuse_open_erasure(settings)
        result = replay(
            landing_options(settings, now, catalog),
            catalog.sources,
            load_ids=load or (),
            reasons=reason or (),
            source_names=source or (),
        )
    output.console().print(
        f"{result.closed:,} rows answered: {result.landed:,} landed, "
        f"{result.quarantined:,} still not usable",
        highlight=False,
    )
