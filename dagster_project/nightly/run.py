"""Starts the nightly job in this process, under the run lock, and waits for its end."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from rich.console import Console

from dagster_project.defs.automation import as_of_tags, run_config
from dagster_project.night_log import NIGHT, ProgressHandler
from dagster_project.nightly.headlines import Headline, duplicates, headlines
from dagster_project.nightly.outcome import Outcome, outcome_of
from dagster_project.nightly.progress import Progress
from dagster_project.nightly.quick_history import quick_history
from dagster_project.run_lock import hold_run_lock
from dagster_project.settings import Settings
from dagster_project.warehouse import warehouse_of


@dataclass(frozen=True)
class NightOptions:
    """What the caller may choose for one night.

    `accept` names checks on landed data whose failure is accepted this once;
    `assets` narrows the night to some assets (`schema/table`); None means all.
    """

    as_of: datetime | None = None
    accept: Sequence[str] = ()
    wait: bool = False
    assets: Sequence[str] | None = None
    purpose: str = "daybreak run"


@dataclass(frozen=True)
class Night:
    """A finished night.

    `log_file` tells everything about it; `is_whole` is false for `daybreak ingest`,
    which does a part of it; `duplicates` counts the copies of known
    events among what it landed, null when the marts were not reached; `headlines`
    are empty then.
    """

    outcome: Outcome
    log_file: Path
    is_whole: bool = True
    duplicates: int | None = None
    headlines: Sequence[Headline] = ()


def run_night(settings: Settings, options: NightOptions, console: Console) -> Night:
    """Run the job, showing progress on the console; never raises for a failed night.

    Raises `BusyError` when another run is at work and the caller does not want to
    wait, and `ManifestError` when the dbt project does not parse.
    """
    started = datetime.now(UTC)
    settings.apply_environment()
    log_file = settings.logs / f"{started:%Y%m%dT%H%M%SZ}-{os.getpid()}.log"
    with (
        hold_run_lock(
            settings.run_lock,
            options.purpose,
            f"{started:%Y-%m-%d %H:%M:%S}Z",
            wait=options.wait,
        ),
        _logged_to(log_file),
        quick_history(),
    ):
        warehouse = warehouse_of(settings)
        before = duplicates(warehouse)
        outcome = _execute(settings, options, console)
        if not outcome.success or options.assets is not None:
            return Night(outcome, log_file, is_whole=options.assets is None)
        after = duplicates(warehouse)
        return Night(
            outcome,
            log_file,
            duplicates=None if after is None else max(0, after - (before or 0)),
            headlines=headlines(warehouse),
        )


def _execute(settings: Settings, options: NightOptions, console: Console) -> Outcome:
    from dagster_project.definitions import build_definitions

    job = build_definitions(settings).resolve_job_def("nightly")
    selection = (
        [dg.AssetKey.from_user_string(key) for key in options.assets]
        if options.assets is not None
        else None
    )
    progress = Progress(console)
    handler = ProgressHandler(progress.on_event, progress.on_item)
    NIGHT.addHandler(handler)
    try:
        result = job.execute_in_process(
            instance=dg.DagsterInstance.get(),
            raise_on_error=False,
            run_config={
                **run_config(options.as_of, options.accept),
                "loggers": {"night": {"config": {}}},
            },
            tags=as_of_tags(options.as_of),
            asset_selection=selection,
        )
    finally:
        progress.close()
        NIGHT.removeHandler(handler)
    return outcome_of(result)


@contextlib.contextmanager
def _logged_to(path: Path) -> Iterator[None]:
    """Send everything that libraries say to a file, away from the terminal."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s")
    )
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    NIGHT.addHandler(handler)
    logging.captureWarnings(capture=True)
    try:
        with (
            warnings.catch_warnings(),
            path.open("a", encoding="utf-8") as stream,
            contextlib.redirect_stdout(stream),
            contextlib.redirect_stderr(stream),
        ):
            yield
    finally:
        logging.captureWarnings(capture=False)
        NIGHT.removeHandler(handler)
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()
