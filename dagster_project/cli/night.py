"""`run`, `ingest`, `report`, `publish`: the night, whole or in part."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from dagster_project.cli import output
from dagster_project.cli.catalog import landable_catalog
from dagster_project.cli.options import Wait
from dagster_project.cli.simulation import simulate_demo
from dagster_project.nightly.exit_codes import ExitCode
from dagster_project.settings import Settings

AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="INSTANT",
        help="Compute figures as of this instant, such as 2026-03-01 or "
        "2026-03-01T00:00+01:00; without an offset, in the reporting time zone. "
        "Default: up to the newest event.",
    ),
]
Accept = Annotated[
    list[str] | None,
    typer.Option(
        "--accept",
        metavar="CHECK",
        help="Let this check on landed data warn instead of stop, this once. "
        "May be repeated.",
    ),
]
Demo = Annotated[
    bool,
    typer.Option("--demo", help="Simulate a product first if nothing has landed."),
]


def run(
    demo: Demo = False, as_of: AsOf = None, accept: Accept = None, wait: Wait = False
) -> None:
    """Run the night: land, check, build, analyse, report, audit, publish.

    Whatever fails, what was published before stands as it was. A gate that stops the
    night is named with examples and what to do about it. The first night after an
    upgrade of Daybreak builds tables in full whose code changed, and names them.

    Examples:

    - `daybreak run --demo` - a first night on simulated data

    - `daybreak run --wait` - from cron

    - `daybreak run --as-of 2026-03-01` - figures as of the start of March 1st

    - `daybreak run --accept daily_volume` - a known holiday
    """
    settings = Settings()
    landable_catalog(settings)
    moment = _instant(as_of, settings)
    _refuse_unknown_checks(accept or [])
    if demo:
        simulate_demo(settings, output.console())
    raise typer.Exit(_night(settings, as_of=moment, accept=accept or [], wait=wait))


def _night(
    settings: Settings,
    *,
    as_of: datetime | None = None,
    accept: list[str] | None = None,
    wait: bool = False,
    assets: list[str] | None = None,
    purpose: str = "daybreak run",
) -> ExitCode:
    from dagster_project.nightly.run import NightOptions, run_night
    from dagster_project.nightly.summary import print_summary

    console = output.console()
    options = NightOptions(
        as_of=as_of,
        accept=tuple(accept or ()),
        wait=wait,
        assets=assets,
        purpose=purpose,
    )
    finished = run_night(settings, options, console)
    print_summary(finished, settings, console)
    return finished.outcome.exit_code


def _instant(text: str | None, settings: Settings) -> datetime | None:
    if text is None:
        return None
    try:
        return settings.as_instant(datetime.fromisoformat(text))
    except ValueError:
        output.complain(
            f"--as-of {text!r} is no instant; write for example 2026-03-01 or "
            "2026-03-01T06:00+01:00"
        )
        raise typer.Exit(ExitCode.USAGE) from None


def _refuse_unknown_checks(names: list[str]) -> None:
    if not names:
        return
    from dagster_project.defs.quality import DECLARED_SUITE, LANDED_SUITE

    suites = (LANDED_SUITE, DECLARED_SUITE)
    known = [check.name for suite in suites for check in suite.expectations]
    unknown = [name for name in names if name not in known]
    if unknown:
        output.complain(
            f"--accept {unknown[0]!r} is no check on landed data; the checks are: "
            f"{', '.join(known)}"
        )
        raise typer.Exit(ExitCode.USAGE)


def ingest(wait: Wait = False) -> None:
    """Fetch from origins, land new files and judge them, and stop there.

    The next `daybreak run` builds on what has landed. Files that are known already
    are never loaded twice, so this may run as often as you like.

    Example: `daybreak ingest`
    """
    settings = Settings()
    landable_catalog(settings)
    from dagster_project.defs import ingestion, origins

    steps = (ingestion.catalog, origins.fetching, ingestion.landing)
    assets = [key.to_user_string() for step in steps for key in step.keys]
    raise typer.Exit(
        _night(settings, wait=wait, assets=assets, purpose="daybreak ingest")
    )


def report(wait: Wait = False) -> None:
    """Write the weekly report again from the warehouse as it stands.

    Nothing is computed anew; use it after a change of the product's name or of the
    report's templates.

    Example: `DAYBREAK_PRODUCT_NAME=Acme daybreak report`
    """
    from dagster_project.ledger import Ledger
    from dagster_project.record import latest_check_results
    from dagster_project.run_lock import hold_run_lock
    from dagster_project.warehouse import warehouse_of
    from dagster_project.weekly_report import write_weekly

    settings = Settings()
    settings.apply_environment()
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z"
    with hold_run_lock(settings.run_lock, "daybreak report", since, wait=wait):
        checks = latest_check_results(Ledger(settings.ledger))
        run_id = str(checks["run_id"].iloc[0]) if len(checks) else "no run yet"
        written = write_weekly(
            warehouse_of(settings), settings, run_id=run_id, checks=checks
        )
    output.console().print(f"Report  {written.path}", highlight=False, soft_wrap=True)


Postgres = Annotated[
    str | None,
    typer.Option("--postgres", metavar="URL", help="Copy the published night there."),
]


def _publish_to_postgres(url: str, *, wait: bool) -> None:
    from dagster_project.defs.publish import copy_to_postgres
    from dagster_project.open_erasure import refuse_open_erasure
    from dagster_project.publishing import PostgresError
    from dagster_project.run_lock import hold_run_lock

    settings = Settings()
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z"
    with hold_run_lock(settings.run_lock, "daybreak publish", since, wait=wait):
        refuse_open_erasure(settings)
        try:
            rows = copy_to_postgres(settings, url)
        except PostgresError as error:
            output.complain(str(error))
            raise typer.Exit(ExitCode.CRASH) from None
    output.console().print(
        f"Published  {sum(rows.values()):,} rows in {len(rows)} tables to PostgreSQL"
    )


def publish(wait: Wait = False, postgres: Postgres = None) -> None:
    """Publish the warehouse again, if its last night passed every gate.

    A run publishes by itself. This is for a copy that was deleted or damaged; after a
    failed night it refuses. With `--postgres` the night that is published is copied to
    that database, with grants for the roles of the settings; a night does so by itself
    where `DAYBREAK_POSTGRES_URL` is set.

    Examples:

    - `daybreak publish`

    - `daybreak publish --postgres postgresql://daybreak@db/analytics`
    """
    if postgres:
        _publish_to_postgres(postgres, wait=wait)
        return
    from dagster_project.ledger import Ledger
    from dagster_project.publish_again import publish_last_night
    from dagster_project.run_lock import hold_run_lock
    from dagster_project.warehouse import warehouse_of

    settings = Settings()
    settings.apply_environment()
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z"
    with hold_run_lock(settings.run_lock, "daybreak publish", since, wait=wait):
        outcome = publish_last_night(
            settings, warehouse_of(settings), Ledger(settings.ledger)
        )
    if outcome.refusal:
        output.complain(outcome.refusal)
        raise typer.Exit(ExitCode.GATE_FAILED)
    output.console().print(
        f"Published  {settings.published_database}", highlight=False, soft_wrap=True
    )
