"""`catalog check`: is what the product declares usable?"""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def checked_catalog(settings: Settings) -> Catalog:
    """Return the catalog, or end the process with every problem it has."""
    from ingestion.catalog import CatalogError, load_catalog

    try:
        return load_catalog(settings.catalog)
    except CatalogError as error:
        output.complain(f"the catalog is not usable\n{error}")
        raise typer.Exit(ExitCode.USAGE) from None
