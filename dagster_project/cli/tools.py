"""`dbt` and `ui`: the tools below, started with this home's paths."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Annotated

import typer

from dagster_project.cli import output
from dagster_project.settings import Settings


def dbt(context: typer.Context) -> None:
    """Run dbt itself, with the project, paths and target of this home set.

    Everything after `dbt` goes to dbt, and its exit code comes back.

    Examples:

    - `daybreak dbt build --select fct_metrics+`

    - `daybreak dbt show --select fct_metrics --limit 20`

    - `daybreak dbt docs generate --static`
    """
    Settings().apply_environment()
    # As the `dbt` script does it; `-m dbt.cli.main` warns of a module imported twice.
    start = "import sys; from dbt.cli.main import cli; sys.argv[0] = 'dbt'; cli()"
    command = [sys.executable, "-c", start, *context.args]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


def ui(
    port: Annotated[int | None, typer.Option(help="Default: DAYBREAK_UI_PORT.")] = None,
    host: Annotated[str, typer.Option(help="Interface to listen on.")] = "127.0.0.1",
) -> None:
    """Open the Dagster UI with its daemon: lineage, runs, checks, schedule, sensor.

    Stop it with Ctrl+C. The nightly schedule runs while this runs.

    Example: `daybreak ui --port 3001`
    """
    from dagster_project.dbt_manifest import prepare_manifest

    settings = Settings()
    settings.apply_environment()
    prepare_manifest(settings)
    listens = port or settings.ui_port
    output.console().print(f"http://{host}:{listens}, Ctrl+C stops", highlight=False)
    command = [
        *(sys.executable, "-m", "dagster", "dev"),
        *("-m", "dagster_project.definitions"),
        *("--host", host, "--port", str(listens)),
    ]
    os.execv(command[0], command)
