"""The job, its nightly schedule, the sensor for new files, and what a failure does."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import dagster as dg

from dagster_project import record
from dagster_project.publishing import mark_stale
from dagster_project.settings import Settings

AS_OF_TAG = "daybreak/as_of"


@dg.failure_hook(required_resource_keys={"settings", "ledger"})
def leave_yesterday_standing(context: dg.HookContext) -> None:
    """Mark the published copy stale and keep what the checks found."""
    settings: Settings = context.resources.settings
    record.record_run(context.instance, context.run_id, context.resources.ledger)
    mark_stale(
        settings.published,
        f"run {context.run_id} stopped at {context.step_key}; "
        "the figures are those of the last good night",
    )


nightly = dg.define_asset_job(
    name="nightly",
    selection=dg.AssetSelection.all(),
    description="From the files in landing to the published copy, gated at each stage.",
    executor_def=dg.in_process_executor,
    hooks={leave_yesterday_standing},
)


def run_config(as_of: datetime | None, accept: Sequence[str] = ()) -> dict[str, object]:
    """Return the configuration of a night.

    `as_of`: the instant its figures stand as of; `accept`: checks on landed data
    whose failure the owner accepts this once.
    """
    return {
        "ops": {
            "catalog": {"config": {"as_of": as_of.isoformat() if as_of else ""}},
            "landed_data_gate": {"config": {"accept": list(accept)}},
        }
    }


def as_of_tags(as_of: datetime | None) -> dict[str, str]:
    """Return the tags by which a run can be found in the UI."""
    return {AS_OF_TAG: as_of.date().isoformat()} if as_of else {}


def build_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Return the nightly schedule: figures stand as of the last local midnight."""

    @dg.schedule(
        name="nightly",
        job=nightly,
        cron_schedule=f"0 {settings.schedule_hour} * * *",
        execution_timezone=settings.reporting_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every night; figures stand as of the local midnight before.",
    )
    def every_night(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        as_of = settings.midnight(context.scheduled_execution_time)
        return dg.RunRequest(
            run_key=as_of.isoformat(),
            run_config=run_config(as_of),
            tags=as_of_tags(as_of),
        )

    return every_night


def build_sensor(settings: Settings) -> dg.SensorDefinition:
    """Return the sensor that starts a night when settled new files have landed."""

    @dg.sensor(
        name="new_files",
        job=nightly,
        minimum_interval_seconds=settings.landing_poll_seconds,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Starts a night when new files have landed. Off until switched on.",
    )
    def new_files(
        context: dg.SensorEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        seen = landing_state(
            settings.landing, settled_before=time.time() - settings.settle_seconds
        )
        if seen is None:
            return dg.SkipReason(f"No settled file in {settings.landing}.")
        if seen == context.cursor:
            return dg.SkipReason("No new file since the last night.")
        context.update_cursor(seen)
        return dg.RunRequest(run_key=seen, run_config=run_config(settings.as_of))

    return new_files


def landing_state(landing: Path, *, settled_before: float) -> str | None:
    """Return a hash of the settled files (path, size, time), None without any.

    Files that changed after `settled_before` (seconds since the epoch) do not count
    yet. Which files are truly new is decided by their content, when they are landed.
    """
    digest = hashlib.sha256()
    files = 0
    for path, size, modified in _files(landing):
        if modified < settled_before:
            digest.update(f"{path}|{size}|{modified}\n".encode())
            files += 1
    return digest.hexdigest() if files else None


def _files(landing: Path) -> Iterator[tuple[str, int, float]]:
    for path in sorted(landing.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            stat = path.stat()
            yield path.relative_to(landing).as_posix(), stat.st_size, stat.st_mtime
