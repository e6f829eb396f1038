"""`retain`: raw data that is old enough goes; what was made of it stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from dagster_project.cli import output
from dagster_project.cli.options import Wait
from dagster_project.nightly.exit_codes import ExitCode
from dagster_project.settings import Settings

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only count what would be removed.")
]
Forget = Annotated[
    bool,
    typer.Option(
        "--forget",
        help="Let the warehouse be built without the days that are gone from the lake; "
        "what it knows of them is lost.",
    ),
]


def retain(dry_run: DryRun = False, forget: Forget = False, wait: Wait = False) -> None:
    """Remove raw data that is older than `DAYBREAK_RAW_RETENTION` says.

    Days of events go from the lake, rows from the quarantine, files that have landed
    from the landing folder. The marts keep what was made of them, and
    so does the warehouse, which cannot be built again from the lake then: back it up.
    Days that no night has taken in yet stay until one has. A late event for a day that
    is gone goes to quarantine.

    Example: `DAYBREAK_RAW_RETENTION=events=400,quarantine=30 daybreak retain --dry-run`
    """
    from dagster_project.open_erasure import refuse_open_erasure
    from dagster_project.run_lock import hold_run_lock
    from ingestion.lake import open_lake
    from ingestion.privacy import retention

    settings = Settings()
    console = output.console()
    try:
        periods = retention.read_periods(settings.raw_retention)
    except retention.RetentionError as error:
        output.complain(f"DAYBREAK_RAW_RETENTION: {error}")
        raise typer.Exit(ExitCode.USAGE) from None
    now = datetime.now(UTC)
    since = f"{now:%Y-%m-%d %H:%M:%S}Z"
    with hold_run_lock(settings.run_lock, "daybreak retain", since, wait=wait):
        refuse_open_erasure(settings)
        if forget:
            day = retention.forget(settings.lake, "events")
            console.print(
                f"The warehouse may be built from {day} on"
                if day
                else "Nothing has expired: there is nothing to forget"
            )
            return
        if not periods:
            output.complain("no table has a period: set DAYBREAK_RAW_RETENTION")
            raise typer.Exit(ExitCode.USAGE)
        with open_lake(settings.lake) as lake:
            done = retention.retain(
                *(lake, settings.landing, periods, now.date()),
                taken_in=_newest_load_taken_in(settings),
                dry_run=dry_run,
            )
    for table, count in done.rows.items():
        first = done.first_days.get(table)
        kept = f"kept from {first} on" if first else ""
        console.print(f"{table:<18} {count:>12,} rows removed  {kept}".rstrip())
        if first and first < now.date() - timedelta(days=periods[table]):
            console.print(
                f"{'':<18} older than asked for: no night has taken in these days yet, "
                "start `daybreak run` first",
                soft_wrap=True,
            )
    if retention.LANDING in periods:
        console.print(f"{'landing':<18} {done.landing_files:>12,} files removed")
    if dry_run:
        console.print("Nothing was changed.")


def _newest_load_taken_in(settings: Settings) -> str:
    """Return the newest load in the models that the figures are made of, or ''."""
    from dagster_project.warehouse import Warehouse

    warehouse = Warehouse(
        *(settings.warehouse_path, settings.threads, settings.memory_limit),
        settings.scratch,
    )
    if "intermediate.int_event_counts" not in warehouse.tables("intermediate"):
        return ""
    with warehouse.connect() as connection:
        found = connection.execute(
            "select coalesce(max(built_through_load_id), '') "
            "from intermediate.int_event_counts"
        ).fetchone()
    return str(found[0]) if found else ""
