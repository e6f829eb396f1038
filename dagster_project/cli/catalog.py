"""`catalog check`, `infer` and `parameters`: what the product declares, or could."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagster_project.cli import output
from dagster_project.nightly.exit_codes import ExitCode
from dagster_project.settings import Settings

if TYPE_CHECKING:
    from ingestion.catalog import Catalog

app = typer.Typer(
    help="What the product declares: events, metrics, sources.", no_args_is_help=True
)


@app.callback()
def _catalog() -> None:
    """What the product declares: events, metrics, sources."""


@app.command("check")
def check() -> None:
    """Read the catalog and name every problem with file, line and nearest name.

    Nothing is changed. `daybreak run` makes the same check before it starts.

    Example: `DAYBREAK_CATALOG=my_catalog daybreak catalog check`
    """
    settings = Settings()
    catalog = checked_catalog(settings)
    output.console().print(
        f"[green]ok[/] {settings.catalog}: {len(catalog.events.events)} events, "
        f"{len(catalog.metrics)} metrics, {len(catalog.sources)} sources",
        highlight=False,
        soft_wrap=True,
    )


@app.command("parameters")
def parameters() -> None:
    """Print every parameter of every catalog file: type, default, meaning, example.

    Example: `daybreak catalog parameters | less`
    """
    from ingestion.catalog.reference import parameter_tables

    typer.echo(parameter_tables())


@app.command("infer")
def infer(
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="NAME", help="Only this source. Repeatable."),
    ] = None,
    output_file: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Default: the terminal."),
    ] = None,
) -> None:
    """Write a first tracking plan from the events that have landed.

    A draft to read and correct: events with their counts, properties with their types,
    what was always there, what looks like activity of a person. Values are masked.

    Example: `daybreak catalog infer --source app --output my_catalog/events.yml`
    """
    from ingestion.lake import Lake
    from ingestion.landed_tables import EVENTS
    from ingestion.tracking_plan.inference import infer_plan

    if output_file is not None and output_file.exists():
        output.complain(f"{output_file} exists: name a new file, or remove it first")
        raise typer.Exit(ExitCode.USAGE)
    lake = Settings().lake
    plan = infer_plan(lake, source or ())
    if not plan:
        landed = sorted(
            {load.source for load in Lake(lake).manifests() if load.table == EVENTS}
        )
        of = f" of source {' or '.join(source)}" if source and landed else ""
        known = f"; there are events of {', '.join(landed)}" if landed else ""
        output.complain(
            f"no events{of} have landed yet: `daybreak ingest` lands them{known}"
        )
        raise typer.Exit(ExitCode.USAGE)
    if output_file is None:
        typer.echo(plan, nl=False)
        return
    output_file.parent.mkdir(parents=True, exist_ok=True)
    output_file.write_text(plan, encoding="utf-8")
    output.console().print(f"[green]ok[/] {output_file}", highlight=False)


def checked_catalog(settings: Settings) -> Catalog:
    """Return the catalog, or end the process with every problem it has."""
    from ingestion.catalog import CatalogError, load_catalog

    try:
        return load_catalog(settings.catalog)
    except CatalogError as error:
        output.complain(f"the catalog is not usable\n{error}")
        raise typer.Exit(ExitCode.USAGE) from None


def landable_catalog(settings: Settings) -> Catalog:
    """Return the catalog, whose personal data has its keys, or end the process.

    Raises KeyRingError when a key is missing, which the command line tells.
    """
    from dagster_project.landing_options import personal_keys
    from ingestion.privacy.plan import privacy_plan

    catalog = checked_catalog(settings)
    privacy_plan(catalog.events, personal_keys(settings))
    return catalog
