"""The catalog as a whole, and every class a declaration can hold.

One import for readers of the catalog; the classes live one module a file: `events.yml`
in `event_models`, `metrics.yml` in `metric_models`, `sources.yml` in `source_models`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.catalog.acquisition_models import AcquisitionSpec
from ingestion.catalog.attribution_models import AttributionSpec
from ingestion.catalog.engagement_models import (
    LifecycleSpec,
    SegmentationSpec,
    StickinessSpec,
)
from ingestion.catalog.event_models import (
    EventsFile,
    EventSpec,
    PropertySpec,
    SessionRules,
    TrafficRules,
)
from ingestion.catalog.experiment_models import ExperimentSpec
from ingestion.catalog.funnel_models import FunnelSpec
from ingestion.catalog.group_models import (
    AchievementSpec,
    ChallengeSpec,
    ContentSpec,
    FeatureSpec,
    GeographySpec,
    MarketSegmentSpec,
    PeerBenchmarkSpec,
    ShareSpec,
)
from ingestion.catalog.growth_models import ReferralSpec
from ingestion.catalog.metric_models import (
    ActivePersonsMetric,
    AverageMetric,
    ConversionMetric,
    CountMetric,
    DimensionSpec,
    EventFilter,
    EventMetric,
    ForecastSpec,
    Metric,
    MetricsFile,
    PercentileMetric,
    RatioMetric,
    RatioPart,
    RetentionMetric,
    SumMetric,
    TimeToMetric,
    UniquePersonsMetric,
    UniqueValuesMetric,
)
from ingestion.catalog.money import ExchangeRate
from ingestion.catalog.mrr_models import MrrSpec
from ingestion.catalog.orders_models import OrdersSpec
from ingestion.catalog.origin_models import (
    CursorSpec,
    OriginSpec,
    PostgresOrigin,
    S3Origin,
)
from ingestion.catalog.path_models import PathSpec
from ingestion.catalog.performance_models import PerformanceSpec
from ingestion.catalog.retention_models import CohortValueSpec, RetentionSpec
from ingestion.catalog.role_models import RoleMigrationSpec
from ingestion.catalog.score_models import ScoreSpec
from ingestion.catalog.source_models import (
    ReaderSpec,
    SourcesFile,
    SourceSpec,
    TimestampSpec,
)

__all__ = [
    "AcquisitionSpec",
    "ActivePersonsMetric",
    "AttributionSpec",
    "AverageMetric",
    "Catalog",
    "CohortValueSpec",
    "ConversionMetric",
    "CountMetric",
    "CursorSpec",
    "DimensionSpec",
    "EventFilter",
    "EventMetric",
    "EventSpec",
    "EventsFile",
    "ExchangeRate",
    "ExperimentSpec",
    "ForecastSpec",
    "FunnelSpec",
    "LifecycleSpec",
    "Metric",
    "MetricsFile",
    "MrrSpec",
    "OrdersSpec",
    "OriginSpec",
    "PathSpec",
    "PercentileMetric",
    "PostgresOrigin",
    "PropertySpec",
    "RatioMetric",
    "RatioPart",
    "ReaderSpec",
    "ReferralSpec",
    "RetentionMetric",
    "RetentionSpec",
    "S3Origin",
    "SegmentationSpec",
    "SessionRules",
    "SourceSpec",
    "SourcesFile",
    "StickinessSpec",
    "SumMetric",
    "TimeToMetric",
    "TimestampSpec",
    "TrafficRules",
    "UniquePersonsMetric",
    "UniqueValuesMetric",
]


@dataclass(frozen=True, slots=True)
class Catalog:
    """A checked catalog: every name resolves and every expression compiles."""

    events: EventsFile
    metrics: tuple[Metric, ...]
    sources: tuple[SourceSpec, ...]
    exchange_rates: tuple[ExchangeRate, ...] = ()
    funnels: tuple[FunnelSpec, ...] = ()
    retention: tuple[RetentionSpec, ...] = ()
    ltv: tuple[CohortValueSpec, ...] = ()
    mrr: tuple[MrrSpec, ...] = ()
    attribution: tuple[AttributionSpec, ...] = ()
    orders: tuple[OrdersSpec, ...] = ()
    acquisition: tuple[AcquisitionSpec, ...] = ()
    lifecycle: tuple[LifecycleSpec, ...] = ()
    stickiness: tuple[StickinessSpec, ...] = ()
    segments: tuple[SegmentationSpec, ...] = ()
    scores: tuple[ScoreSpec, ...] = ()
    experiments: tuple[ExperimentSpec, ...] = ()
    paths: tuple[PathSpec, ...] = ()
    referrals: tuple[ReferralSpec, ...] = ()
    shares: tuple[ShareSpec, ...] = ()
    achievements: tuple[AchievementSpec, ...] = ()
    challenges: tuple[ChallengeSpec, ...] = ()
    features: tuple[FeatureSpec, ...] = ()
    geography: tuple[GeographySpec, ...] = ()
    content: tuple[ContentSpec, ...] = ()
    market_segments: tuple[MarketSegmentSpec, ...] = ()
    peer_benchmarks: tuple[PeerBenchmarkSpec, ...] = ()
    performance: tuple[PerformanceSpec, ...] = ()
    role_migrations: tuple[RoleMigrationSpec, ...] = ()

    @property
    def event_names(self) -> tuple[str, ...]:
        """The names of the tracking plan, in the order declared."""
        return tuple(event.name for event in self.events.events)

    def source(self, name: str) -> SourceSpec:
        """Give the source of a landing folder; an undeclared one is native."""
        for source in self.sources:
            if source.name == name:
                return source
        return SourceSpec.model_construct(name=name, format="native")
