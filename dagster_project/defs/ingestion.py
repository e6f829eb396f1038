"""The catalog compiled and new files landed: everything that `raw` holds."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from dagster_project.catalog_folder import compile_into_lake, read_catalog
from dagster_project.checks import Finding, warning
from dagster_project.defs.asset_specs import Written
from dagster_project.landing_options import landing_options
from dagster_project.open_erasure import refuse_open_erasure
from dagster_project.record import ROW_COUNT, ROWS_WRITTEN
from dagster_project.settings import Settings
from ingestion.lake_counts import lake_row_counts
from ingestion.landed_tables import LANDED_TABLES as OTHER_TABLES
from ingestion.landing import LandingResult, land
from ingestion.privacy.free_text import FreeTextFinding, scan_loads
from ingestion.privacy.plan import PrivacyPlan
from ingestion.user_agents import add_user_agents

CATALOG_TABLES = {
    "catalog_settings": "One row per compiled setting of the catalog.",
    "catalog_events": "One row per event of the tracking plan.",
    "catalog_metrics": "One row per declared metric, its expressions compiled.",
    "catalog_metric_targets": "One row per metric and period that has a target.",
    "catalog_countries": "One row per spelling of a country, with its ISO code.",
    "catalog_regions": "One row per spelling of a region, with its ISO code.",
    "catalog_exchange_rates": "One row per currency and day its rate changed.",
    "catalog_funnels": "One row per declared funnel, with its compiled steps.",
    "catalog_funnel_steps": "One row per funnel and step.",
    "catalog_funnel_breakdowns": "One row per funnel and breakdown.",
    "catalog_mrr": "One row per declared book of subscriptions.",
    "catalog_attribution": "One row per declared attribution.",
    "catalog_orders": "One row per declared kind of orders.",
    "catalog_acquisition": "One row per declared acquisition.",
    "catalog_groups": "One row per declared count by the groups of a dimension.",
    "catalog_referrals": "One row per declared way of inviting persons.",
    "catalog_performance": "One row per declared measure of how the product runs.",
    "catalog_role_migrations": "One row per declared way of moving between roles.",
    "catalog_paths": "One row per declared path from or to an event.",
    "catalog_cohort_series": "One row per set of events that cohorts are counted from.",
    "catalog_retention": "One row per declared retention grid.",
    "catalog_retention_periods": "One row per retention grid and period it follows.",
    "catalog_cohort_ltv": "One row per declared cohort LTV.",
    "catalog_lifecycle": "One row per declared lifecycle.",
    "catalog_stickiness": "One row per declared stickiness.",
    "catalog_segmentations": "One row per declared segmentation of persons.",
    "catalog_scores": "One row per declared score of persons.",
    "catalog_experiments": "One row per declared experiment, its expressions compiled.",
    "catalog_experiment_variants": "One row per experiment and variant.",
    "catalog_experiment_metrics": "One row per experiment and metric compared.",
    "catalog_experiment_components": "One row per stream that experiments read.",
}
LANDED_TABLES = {
    "events": "One row per landed copy of an event, in the lake.",
    **{table.name: table.meaning for table in OTHER_TABLES.values()},
    "loads": "One row per load: what it took in and what became of it.",
    "quarantine": "One row per line that could not be used, with its reason.",
}
USER_AGENTS = "One row per distinct user agent of the landed events, parsed."
USABLE_FILES = dg.AssetCheckSpec(
    name="every_file_is_usable",
    asset=["raw", "loads"],
    description="No file in landing had to be refused as a whole.",
)
# Of a load; one bad row of a small table is no alarm.
REFUSED_SHARE = 0.05
REFUSED_ROWS = 10
USABLE_ROWS = dg.AssetCheckSpec(
    name="rows_of_tables_are_usable",
    asset=["raw", "quarantine"],
    description="Of tables beside events, no load had more than "
    f"{REFUSED_SHARE:.0%} and {REFUSED_ROWS} of its rows refused.",
)
FREE_TEXT = dg.AssetCheckSpec(
    name="no_personal_data_in_free_text",
    asset=["raw", "events"],
    description="No text in the properties of new events looks like an e-mail "
    "address, a phone or a card number.",
)


class CatalogConfig(dg.Config):
    """What one night is told: the instant its figures stand as of (ISO 8601), or ''."""

    as_of: str = ""


def _spec(name: str, description: str, deps: tuple[str, ...] = ()) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=["raw", name],
        deps=[["raw", dep] for dep in deps],
        group_name="raw",
        description=description,
        kinds={"parquet"},
    )


@dg.multi_asset(
    name="catalog",
    specs=[_spec(name, text) for name, text in CATALOG_TABLES.items()],
    required_resource_keys={"settings", "run_lock"},
)
def catalog(
    context: dg.AssetExecutionContext, config: CatalogConfig
) -> Iterator[Written]:
    """Check the declared catalog and compile it into the lake."""
    settings: Settings = context.resources.settings
    as_of = datetime.fromisoformat(config.as_of) if config.as_of else settings.as_of
    rows = compile_into_lake(read_catalog(settings), settings, as_of)
    for name in CATALOG_TABLES:
        yield dg.MaterializeResult(
            asset_key=["raw", name], metadata={ROW_COUNT: rows[name]}
        )


@dg.multi_asset(
    name="landing",
    specs=[
        *(
            _spec(name, text, ("catalog_events", "origins"))
            for name, text in LANDED_TABLES.items()
        ),
        _spec("user_agents", USER_AGENTS, ("catalog_events",)),
    ],
    check_specs=[USABLE_FILES, USABLE_ROWS, FREE_TEXT],
    required_resource_keys={"settings", "run_lock"},
    # A network share that is away for a moment; a landing that began is not lost.
    retry_policy=dg.RetryPolicy(max_retries=2, delay=10),
)
def landing(
    context: dg.AssetExecutionContext,
) -> Iterator[Written | dg.AssetCheckResult]:
    """Land new files in the lake, and set aside what cannot be used."""
    settings: Settings = context.resources.settings
    refuse_open_erasure(settings)
    declared = read_catalog(settings)
    options = landing_options(settings, datetime.now(UTC), declared)
    result = land(options, declared.sources)
    counts = lake_row_counts(settings.lake)
    tonight = {name: result.landed_rows(name) for name in LANDED_TABLES}
    tonight["quarantine"] = result.quarantined
    for name in LANDED_TABLES:
        extra = landed_metadata(result) if name == "loads" else {}
        yield dg.MaterializeResult(
            asset_key=["raw", name],
            metadata={
                ROW_COUNT: counts[name],
                ROWS_WRITTEN: tonight[name],
                **extra,
            },
        )
    agents = add_user_agents(settings.lake, settings.compiled_catalog)
    yield dg.MaterializeResult(
        asset_key=["raw", "user_agents"], metadata={ROW_COUNT: agents}
    )
    yield _files_check(result)
    yield _rows_check(result)
    yield _free_text_check(settings, options.privacy, result)


def landed_metadata(result: LandingResult) -> Mapping[str, Any]:
    """Return what the landing did, as metadata that the summary reads back."""
    statuses = Counter(file.status for file in result.files)
    return {
        "files": dg.MetadataValue.json({str(key): n for key, n in statuses.items()}),
        "read": sum(load.lines_read for load in result.loads),
        "landed": result.landed,
        "rows_by_table": dg.MetadataValue.json(
            {
                table: result.landed_rows(table)
                for table in OTHER_TABLES
                if result.landed_rows(table)
            }
        ),
        "quarantined": result.quarantined,
        "skipped": sum(load.skipped for load in result.loads),
        "quarantined_by_reason": dg.MetadataValue.json(
            dict(result.quarantined_by_reason)
        ),
        "new_properties": dg.MetadataValue.json(
            {source: list(keys) for source, keys in result.schema_changes.items()}
        ),
        "refused_files": dg.MetadataValue.json(
            [{"file": f.path, "reason": f.reason} for f in result.failed_files]
        ),
    }


def _files_check(result: LandingResult) -> dg.AssetCheckResult:
    refused = result.failed_files
    return warning(
        USABLE_FILES,
        Finding(
            gate="landing",
            failed_count=len(refused),
            observed=f"{len(refused)} of {len(result.files)} files were refused",
            examples=[{"file": f.path, "reason": f.reason} for f in refused],
            cure="Mend or remove the files named; they are tried again when they "
            "change.",
        ),
    )


def _rows_check(result: LandingResult) -> dg.AssetCheckResult:
    """Judge tables beside events, whose loads the gate on landed data does not see."""
    bad = [
        {
            "table": load.table,
            "source": load.source,
            "refused": load.quarantined,
            "of": load.lines_read,
        }
        for load in result.loads
        if load.table in OTHER_TABLES
        and load.quarantined > max(REFUSED_ROWS, REFUSED_SHARE * load.lines_read)
    ]
    return warning(
        USABLE_ROWS,
        Finding(
            gate="landing",
            failed_count=len(bad),
            observed=f"{len(bad)} loads of which much was refused",
            examples=bad,
            cure="Run `daybreak quarantine list`: each reason names its cure. "
            "Correct the file or the mapping, then `daybreak quarantine replay`.",
        ),
    )


def _free_text_check(
    settings: Settings, plan: PrivacyPlan, result: LandingResult
) -> dg.AssetCheckResult:
    found = scan_loads(
        settings.lake,
        plan,
        load_ids=[load.load_id for load in result.loads],
        threads=settings.threads,
        memory_limit=settings.memory_limit,
    )
    return warning(
        FREE_TEXT,
        Finding(
            gate="landing",
            failed_count=sum(one.value_count for one in found),
            observed=_observed_texts(found),
            examples=[asdict(one) for one in found],
            cure="Declare these properties under `personal` in events.yml (drop, "
            "hash or encrypt), or have the client leave them out; "
            "`daybreak privacy scan` lists all. What has landed stays until its "
            "person is erased.",
        ),
    )


def _observed_texts(found: Sequence[FreeTextFinding]) -> str:
    kinds = Counter[str]()
    for one in found:
        kinds[one.kind] += one.value_count
    listed = ", ".join(f"{kinds[kind]:,} {kind}" for kind in sorted(kinds))
    return f"texts that look personal: {listed or 'none'}"
