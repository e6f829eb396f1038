"""The Great Expectations gates: blocking checks on landed data and on analysis."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
from pydantic import Field

from dagster_project.admission import admit, waiting_loads
from dagster_project.checks import Finding, finding_metadata
from dagster_project.defs.asset_specs import key_of
from dagster_project.ledger import Ledger
from dagster_project.settings import Settings
from dagster_project.tables import (
    AA_VALIDATION,
    ANOMALIES,
    EXPERIMENT_DECISIONS,
    EXPERIMENT_INTERACTIONS,
    EXPERIMENT_QUALITY,
    EXPERIMENT_RESULTS,
    FORECASTS,
    RECONCILIATION_SAMPLE,
)
from dagster_project.warehouse import Warehouse
from ingestion.catalog import load_catalog
from ingestion.catalog.models import EventsFile
from ingestion.events import EVENT_COLUMNS
from quality_checks.runner import run_suite
from quality_checks.suites.aa_validation import aa_validation_suite
from quality_checks.suites.anomalies import anomalies_suite
from quality_checks.suites.declared_events import (
    DeclaredEvents,
    declared_events_suite,
    declared_events_views,
)
from quality_checks.suites.experiment_interactions import (
    experiment_interactions_suite,
)
from quality_checks.suites.experiment_results import (
    experiment_decisions_suite,
    experiment_quality_suite,
    experiment_results_suite,
)
from quality_checks.suites.forecasts import forecasts_suite
from quality_checks.suites.raw_events import (
    RawEventsLimits,
    raw_events_suite,
    raw_events_views,
)
from quality_checks.suites.reconciliation import reconciliation_suite
from quality_checks.verdict import CheckResult, Suite, Verdict

EVENTS = dg.AssetKey(["raw", "events"])
EVENT_FILE_COLUMNS = (*(column.name for column in EVENT_COLUMNS), "load", "date")
# Only the names of checks are read from suites made with this.
NEVER = datetime(2000, 1, 1)


class GateConfig(dg.Config):
    """`accept`: checks of this gate whose failure the owner accepts for this run."""

    accept: list[str] = Field(default_factory=list)


def _specs(suite: Suite, asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            name=expectation.name,
            asset=asset,
            description=f"{expectation.description}. If not: {expectation.cure}",
            blocking=True,
        )
        for expectation in suite.expectations
    ]


def _judged(
    verdict: Verdict, asset: dg.AssetKey, gate: str, accept: Sequence[str] = ()
) -> Iterator[dg.AssetCheckResult]:
    for result in verdict.results:
        yield dg.AssetCheckResult(
            asset_key=asset,
            check_name=result.check_name,
            passed=result.status == "passed",
            severity=_severity(result, accept),
            metadata=finding_metadata(_finding(result, gate, accept)),
        )


def _severity(result: CheckResult, accept: Sequence[str]) -> dg.AssetCheckSeverity:
    tolerated = result.status == "warned" or (
        result.status == "failed" and result.check_name in accept
    )
    return dg.AssetCheckSeverity.WARN if tolerated else dg.AssetCheckSeverity.ERROR


def _finding(result: CheckResult, gate: str, accept: Sequence[str]) -> Finding:
    accepted = result.status == "failed" and result.check_name in accept
    return Finding(
        gate=gate,
        failed_count=result.failed_count or 0,
        observed=f"{result.observed}{' (accepted by --accept)' if accepted else ''}",
        examples=result.examples,
        cure=result.cure,
    )


LANDED_SUITE = raw_events_suite(columns=EVENT_FILE_COLUMNS, event_names=(), as_of=NEVER)
DECLARED_SUITE = declared_events_suite(DeclaredEvents())


@dg.multi_asset_check(
    name="landed_data_gate",
    specs=[*_specs(LANDED_SUITE, EVENTS), *_specs(DECLARED_SUITE, EVENTS)],
    required_resource_keys={"settings", "ledger", "run_lock"},
)
def landed_data_gate(
    context: dg.AssetCheckExecutionContext, config: GateConfig
) -> Iterable[dg.AssetCheckResult]:
    """Judge the loads that no earlier night has admitted."""
    settings: Settings = context.resources.settings
    ledger: Ledger = context.resources.ledger
    loads = waiting_loads(settings, ledger)
    declared = load_catalog(settings.catalog).events
    suite = raw_events_suite(
        columns=EVENT_FILE_COLUMNS,
        event_names=[event.name for event in declared.events],
        as_of=data_as_of(settings),
        limits=RawEventsLimits(
            empty_days=settings.empty_days,
            unknown_share=1.0 if declared.policy == "allow" else 0.0,
        ),
    )
    views = raw_events_views(settings.lake, loads)
    of_loads = (*views, *declared_events_views(settings.lake, loads))
    results = [
        found
        for judged, setup in (
            (suite, views),
            (declared_events_suite(declared_events(settings, declared)), of_loads),
        )
        for found in _judged(
            run_suite(
                judged,
                ":memory:",
                setup_sql=setup,
                config={
                    "threads": settings.threads,
                    "memory_limit": settings.memory_limit,
                },
            ),
            EVENTS,
            "landed data",
            config.accept,
        )
    ]
    if not any(
        r.severity == dg.AssetCheckSeverity.ERROR and not r.passed for r in results
    ):
        admit(ledger, loads, context.op_execution_context.run_id)
    yield from results


def declared_events(settings: Settings, declared: EventsFile) -> DeclaredEvents:
    """Return what the catalog declares of events, in the words of the suite."""
    rates = settings.compiled_catalog / "catalog_exchange_rates.parquet"
    return DeclaredEvents(
        required={
            event.name: event.required_properties
            for event in declared.events
            if event.required_properties
        },
        columns=[column.name for column in EVENT_COLUMNS],
        rates=rates if declared.reporting_currency else None,
        reporting_currency=declared.reporting_currency,
    )


def data_as_of(settings: Settings) -> datetime:
    """Return the instant (UTC, no zone) up to which data should be there.

    As the catalog was compiled for this run; else the hour after the newest event.
    """
    with duckdb.connect() as connection:
        found = connection.execute(
            f"select max(value) from read_parquet("
            f"'{settings.compiled_catalog}/catalog_settings.parquet') "
            "where key = 'as_of'"
        ).fetchone()
        if found and found[0]:
            return datetime.fromisoformat(found[0])
        newest_day = max(
            (path.name for path in settings.lake.glob("events/load=*/date=*")),
            default=None,
        )
        newest = connection.execute(
            "select max(occurred_at) from read_parquet("
            f"'{settings.lake}/events/load=*/{newest_day}/*.parquet')"
        ).fetchone()
    if newest is None or newest[0] is None:
        return datetime.now(UTC).replace(tzinfo=None)
    last: datetime = newest[0]
    return last.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


FORECASTS_SUITE = forecasts_suite(
    interval_score="interval_score_95", previous=FORECASTS.qualified
)


@dg.multi_asset_check(
    name="forecasts_gate",
    specs=_specs(FORECASTS_SUITE, key_of(FORECASTS)),
    required_resource_keys={"settings", "warehouse", "run_lock"},
)
def forecasts_gate(
    context: dg.AssetCheckExecutionContext,
) -> Iterable[dg.AssetCheckResult]:
    """Judge the ledger of forecasts, also against the published one."""
    settings: Settings = context.resources.settings
    warehouse: Warehouse = context.resources.warehouse
    attach, earlier = published_forecasts(settings.published_database)
    verdict = run_suite(
        forecasts_suite(
            may_be_negative=metrics_below_zero(warehouse),
            interval_score="interval_score_95",
            previous=earlier,
        ),
        warehouse.path,
        setup_sql=attach,
        config=warehouse.config(),
    )
    yield from _judged(verdict, key_of(FORECASTS), "analysis")


def published_forecasts(published: Path) -> tuple[tuple[str, ...], str]:
    """Return how to attach the published copy, and the forecasts of an earlier run.

    Before anything is published, this run's own: nothing can have been rewritten.
    """
    if not published.exists():
        return (), FORECASTS.qualified
    with duckdb.connect(str(published), read_only=True) as connection:
        found = connection.execute(
            "select 1 from duckdb_tables() where schema_name = ? and table_name = ?",
            [FORECASTS.schema, FORECASTS.name],
        ).fetchone()
    if found is None:
        return (), FORECASTS.qualified
    statement = f"attach '{published}' as earlier_published (read_only)"
    return (statement,), f"earlier_published.{FORECASTS.qualified}"


def metrics_below_zero(warehouse: Warehouse) -> list[str]:
    """Return the metrics whose figures have been negative: net revenue, for one."""
    found = warehouse.read(
        "select distinct metric_name from marts.fct_metrics "
        "where value < 0 order by metric_name"
    )
    return [str(name) for name in found["metric_name"]]


Judgement = tuple[Suite, dg.AssetKey]


def _gate(
    name: str,
    description: str,
    judgements: Sequence[Judgement],
    *,
    stage: str = "analysis",
) -> dg.AssetChecksDefinition:
    """Return the gate that judges tables of the warehouse by their suites."""

    @dg.multi_asset_check(
        name=name,
        description=description,
        specs=[spec for suite, key in judgements for spec in _specs(suite, key)],
        required_resource_keys={"warehouse", "run_lock"},
    )
    def gate(context: dg.AssetCheckExecutionContext) -> Iterable[dg.AssetCheckResult]:
        warehouse: Warehouse = context.resources.warehouse
        for suite, key in judgements:
            verdict = run_suite(suite, warehouse.path, config=warehouse.config())
            yield from _judged(verdict, key, stage)

    return gate


anomalies_gate = _gate(
    "anomalies_gate",
    "Judge the list of incidents.",
    [(anomalies_suite(), key_of(ANOMALIES))],
)
experiments_gate = _gate(
    "experiments_gate",
    "Judge results, decisions, checks and interactions of experiments.",
    [
        (experiment_results_suite(), key_of(EXPERIMENT_RESULTS)),
        (experiment_decisions_suite(), key_of(EXPERIMENT_DECISIONS)),
        (experiment_quality_suite(), key_of(EXPERIMENT_QUALITY)),
        (experiment_interactions_suite(), key_of(EXPERIMENT_INTERACTIONS)),
    ],
)
aa_validation_gate = _gate(
    "aa_validation_gate",
    "Judge how often equal halves are called different.",
    [(aa_validation_suite(), key_of(AA_VALIDATION))],
)
reconciliation_gate = _gate(
    "reconciliation_gate",
    "Judge whether the second engine says what the warehouse says.",
    [(reconciliation_suite(), key_of(RECONCILIATION_SAMPLE))],
    stage="trust",
)
