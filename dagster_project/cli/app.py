"""The application: which commands there are, and what becomes of their errors."""

from __future__ import annotations

import gc
import sys

import typer
from pydantic import ValidationError

from dagster_project.cli import (
    catalog,
    erasure,
    experiments,
    night,
    output,
    privacy,
    quarantine,
    retention,
    simulation,
    tools,
)
from dagster_project.nightly.exit_codes import MEANINGS, ExitCode
from dagster_project.run_lock import BusyError

EPILOG = "Exit codes: " + "; ".join(
    f"{code.value} {meaning}" for code, meaning in MEANINGS.items()
)

app = typer.Typer(
    name="daybreak",
    help="From raw event files to figures you can trust, every night.\n\n"
    "Start with `daybreak run --demo`: it simulates a product, lands its events, "
    "builds and checks the marts, writes the weekly report and publishes a database "
    "for BI.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("run", rich_help_panel="The night")(night.run)
app.command("ingest", rich_help_panel="The night")(night.ingest)
app.command("report", rich_help_panel="The night")(night.report)
app.command("publish", rich_help_panel="The night")(night.publish)
app.add_typer(experiments.app, name="experiments", rich_help_panel="Experiments")
app.command("simulate", rich_help_panel="Data")(simulation.simulate)
app.command("erase", rich_help_panel="Data")(erasure.erase)
app.command("retain", rich_help_panel="Data")(retention.retain)
app.add_typer(quarantine.app, name="quarantine", rich_help_panel="Data")
app.add_typer(catalog.app, name="catalog", rich_help_panel="Data")
app.add_typer(privacy.app, name="privacy", rich_help_panel="Data")
app.command(
    "dbt",
    rich_help_panel="Tools",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(tools.dbt)
app.command("ui", rich_help_panel="Tools")(tools.ui)


def main() -> None:
    """Run the command line; every error becomes a sentence and an exit code."""
    # Python looks for cycles after every 700 new objects, over all that dbt and Dagster
    # keep: a tenth of the processor time of a night without news.
    gc.set_threshold(200_000, 30, 30)
    try:
        app(prog_name="daybreak")
    except SystemExit:
        raise
    except BusyError as error:
        output.complain(str(error))
        sys.exit(ExitCode.BUSY)
    except ValidationError as error:
        output.complain(output.settings_problems(error))
        sys.exit(ExitCode.USAGE)
    except _told_as_they_are() as error:
        output.complain(str(error))
        sys.exit(ExitCode.USAGE)
    except Exception as error:  # noqa: BLE001 - the last stop before the terminal
        output.complain(f"{error!r}\n{output.kept_traceback(error)}")
        sys.exit(ExitCode.CRASH)


def _told_as_they_are() -> tuple[type[Exception], ...]:
    """Return the errors whose message says what to do.

    Looked up once something went wrong: importing them takes longer than `--help`.
    """
    from dagster_project.dbt_manifest import ManifestError
    from dagster_project.open_erasure import OpenErasureError
    from dagster_project.publishing import PostgresError
    from dagster_project.warehouse import WarehouseError
    from ingestion.privacy.keys import KeyRingError
    from ingestion.privacy.remembered import ErasureKeyError

    return (
        ErasureKeyError,
        KeyRingError,
        ManifestError,
        OpenErasureError,
        PostgresError,
        WarehouseError,
    )
