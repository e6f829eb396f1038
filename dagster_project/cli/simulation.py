"""`simulate`: files as a product's clients would send them."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from dagster_project.cli import output
from dagster_project.nightly.exit_codes import ExitCode
from dagster_project.settings import Settings

DEMO_DAYS = 100
DEMO_PERSONS = 6_000
DEMO_EVENTS = 220_000
DEMO_SOURCE = "app"


def simulate(
    days: Annotated[int, typer.Option(help="Length of the period in UTC days.")] = 90,
    persons: Annotated[int, typer.Option(help="Visitors who arrive in it.")] = 5_000,
    events: Annotated[
        int | None, typer.Option(help="About this many events; default: as they act.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="First day; default: so that it ends today."),
    ] = None,
    file_format: Annotated[
        Literal["jsonl", "jsonl.gz", "jsonl.zst", "csv", "parquet"],
        typer.Option("--format", help="Format of the files."),
    ] = "jsonl",
    naming: Annotated[
        Literal["snake_case", "camelCase", "legacy"],
        typer.Option(help="How clients name the fields."),
    ] = "snake_case",
    vendor: Annotated[
        str,
        typer.Option(
            help="Whose format: native, or that of a vendor such as segment or "
            "snowplow."
        ),
    ] = "native",
    dirt: Annotated[
        bool, typer.Option("--dirt", help="With duplicates, late and broken events.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed: the same gives the same files.")] = 7,
    target: Annotated[
        Path | None,
        typer.Option("--to", metavar="FOLDER", help="Default: landing/app."),
    ] = None,
) -> None:
    """Write a simulated product's events into the landing folder, one file a day.

    What an exact reading must find is written beside the landing folder, to
    `truth.json` of the home.

    Examples:

    - `daybreak simulate --days 30 --persons 2000 --dirt`

    - `daybreak simulate --events 10000000 --format jsonl.zst --to /tmp/big`

    - `daybreak simulate --vendor segment --to .daybreak/landing/segment`
    """
    from ingestion.simulator import Dirt, SimulationSpec, write_truth
    from ingestion.simulator import simulate as simulate_product

    settings = Settings()
    try:
        spec = SimulationSpec(
            seed=seed,
            persons=persons,
            start=date.fromisoformat(start) if start else _ending_today(days),
            days=days,
            events_target=events,
            formats=file_format,
            naming=naming,
            vendor=vendor,
            dirt=Dirt.typical() if dirt else Dirt(),
        )
    except ValueError as error:
        output.complain(str(error))
        raise typer.Exit(ExitCode.USAGE) from None
    folder = (target or settings.landing / DEMO_SOURCE).expanduser().resolve()
    result = simulate_product(spec, folder)
    write_truth(result, settings.home / "truth.json")
    output.console().print(
        f"{len(result.files)} files, {result.row_count:,} rows in {folder}",
        highlight=False,
        soft_wrap=True,
    )


def simulate_demo(settings: Settings, console: Console) -> None:
    """Simulate the demo's product, unless something has landed already."""
    if any(path.is_file() for path in settings.landing.rglob("*")):
        return
    from ingestion.simulator import Dirt, SimulationSpec, write_truth
    from ingestion.simulator import simulate as simulate_product

    console.print(f"Simulating {DEMO_DAYS} days of a product ...", highlight=False)
    result = simulate_product(
        SimulationSpec(
            persons=DEMO_PERSONS,
            start=_ending_today(DEMO_DAYS),
            days=DEMO_DAYS,
            events_target=DEMO_EVENTS,
            dirt=Dirt.typical(),
        ),
        settings.landing / DEMO_SOURCE,
    )
    write_truth(result, settings.home / "truth.json")
    for file in result.files:
        _make_settled(file.path, settings.settle_seconds)


def _make_settled(path: Path, settle_seconds: float) -> None:
    """Date a complete file back, lest landing wait for it to settle."""
    stat = path.stat()
    earlier = stat.st_mtime - settle_seconds
    os.utime(path, (stat.st_atime, earlier))


def _ending_today(days: int) -> date:
    return datetime.now(UTC).date() - timedelta(days=days)
