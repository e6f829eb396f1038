"""Files of declared origins fetched into the landing folder, before anything lands."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from dagster_project.catalog_folder import read_catalog
from dagster_project.checks import Finding, warning
from dagster_project.defs.asset_specs import Written
from dagster_project.night_log import tell_progress
from dagster_project.origin_options import fetch_options
from dagster_project.record import ROW_COUNT
from dagster_project.settings import Settings
from ingestion.origins.fetching import fetch
from ingestion.origins.models import FetchProgress, FetchResult

FETCHED = dg.AssetKey(["raw", "origins"])
ORIGINS_ANSWER = dg.AssetCheckSpec(
    name="every_origin_answers",
    asset=FETCHED,
    description="Every declared origin could be read. One that is away does not stop "
    "the night: it goes on with what is there, and freshness is judged later.",
)


@dg.multi_asset(
    name="fetching",
    specs=[
        dg.AssetSpec(
            key=FETCHED,
            deps=[["raw", "catalog_events"]],
            group_name="raw",
            description="Files brought from declared origins into the landing folder.",
        )
    ],
    check_specs=[ORIGINS_ANSWER],
    required_resource_keys={"settings", "run_lock"},
)
def fetching(
    context: dg.AssetExecutionContext,
) -> Iterator[Written | dg.AssetCheckResult]:
    """Bring what is new at the declared origins into the landing folder."""
    settings: Settings = context.resources.settings
    sources = read_catalog(settings).sources

    def tell(done: FetchProgress) -> None:
        tell_progress("fetching", done.source, f"{done.bytes / 1e6:,.1f} MB")

    result = fetch(fetch_options(settings, datetime.now(UTC), sources, tell), sources)
    yield dg.MaterializeResult(
        asset_key=FETCHED,
        metadata={
            # Of a bucket's files the rows are counted when they land.
            ROW_COUNT: sum(origin.rows for origin in result.origins),
            "files": sum(origin.files for origin in result.origins),
            "bytes": sum(origin.bytes for origin in result.origins),
            "unchanged": sum(origin.unchanged for origin in result.origins),
        },
    )
    yield _origins_check(result)


def _origins_check(result: FetchResult) -> dg.AssetCheckResult:
    told = [
        {"source": origin.source, "reason": reason}
        for origin in result.failed
        for reason in (*([origin.reason] if origin.reason else []), *origin.problems)
    ]
    return warning(
        ORIGINS_ANSWER,
        Finding(
            gate="landing",
            failed_count=len(told),
            observed=_observed(result, told),
            examples=told,
            cure="See the reasons; what was fetched before stays, and the next "
            "night goes on from there.",
        ),
    )


def _observed(result: FetchResult, told: Sequence[Mapping[str, str]]) -> str:
    """Name the first reason: whoever reads the summary can act on it."""
    count = f"{len(result.failed)} of {len(result.origins)} origins not read in full"
    if not told:
        return f"{len(result.origins)} origins read"
    return f"{count}; {told[0]['source']}: {told[0]['reason']}"
