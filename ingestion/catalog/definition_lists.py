"""Which files hold lists of definitions over events, and how each is judged.

Belongs here: one entry for each list of a file that has nothing but such lists. Not
here: reading them (`loader`), their shapes (the models) and their checks. Metrics,
events and sources have rules of their own in `loader`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from ingestion.catalog.acquisition_checks import check_acquisition
from ingestion.catalog.acquisition_models import AcquisitionSpec
from ingestion.catalog.attribution_checks import check_attribution
from ingestion.catalog.attribution_models import AttributionSpec
from ingestion.catalog.binding import ExpressionBinder
from ingestion.catalog.checks import KnownNames, Part
from ingestion.catalog.documents import Problem
from ingestion.catalog.engagement_models import (
    LifecycleSpec,
    SegmentationSpec,
    SegmentsFile,
    StickinessSpec,
)
from ingestion.catalog.funnel_checks import check_funnel
from ingestion.catalog.funnel_models import FunnelsFile, FunnelSpec
from ingestion.catalog.group_checks import check_group
from ingestion.catalog.group_models import (
    AchievementSpec,
    AudienceFile,
    ChallengeSpec,
    ContentSpec,
    FeatureSpec,
    GeographySpec,
    MarketSegmentSpec,
    PeerBenchmarkSpec,
    ShareSpec,
)
from ingestion.catalog.growth_checks import check_referral
from ingestion.catalog.growth_models import GrowthFile, ReferralSpec
from ingestion.catalog.mrr_checks import check_mrr
from ingestion.catalog.mrr_models import MrrSpec
from ingestion.catalog.orders_checks import check_orders
from ingestion.catalog.orders_models import OrdersSpec
from ingestion.catalog.path_checks import check_path
from ingestion.catalog.path_models import PathsFile, PathSpec
from ingestion.catalog.performance_checks import check_performance
from ingestion.catalog.performance_models import OperationsFile, PerformanceSpec
from ingestion.catalog.retention_checks import (
    check_activity_definition,
    check_cohort_value,
    check_retention,
)
from ingestion.catalog.retention_models import (
    CohortValueSpec,
    RetentionFile,
    RetentionSpec,
)
from ingestion.catalog.revenue_models import RevenueFile
from ingestion.catalog.role_checks import check_role_migration
from ingestion.catalog.role_models import RoleMigrationSpec
from ingestion.catalog.score_checks import check_score
from ingestion.catalog.score_models import ScoreSpec

Check = Callable[[Any, Part, KnownNames, ExpressionBinder], Iterator[Problem]]


@dataclass(frozen=True, slots=True)
class DefinitionList:
    """A list in a file: its key (that of `Catalog` too), and one of its members."""

    file: str
    key: str
    kind: str
    model: type[BaseModel]
    check: Check


DEFINITION_FILES: Final[dict[str, type[BaseModel]]] = {
    "audience.yml": AudienceFile,
    "funnels.yml": FunnelsFile,
    "growth.yml": GrowthFile,
    "operations.yml": OperationsFile,
    "paths.yml": PathsFile,
    "retention.yml": RetentionFile,
    "revenue.yml": RevenueFile,
    "segments.yml": SegmentsFile,
}

DEFINITION_LISTS: Final = (
    DefinitionList("funnels.yml", "funnels", "funnel", FunnelSpec, check_funnel),
    DefinitionList(
        "retention.yml", "retention", "retention", RetentionSpec, check_retention
    ),
    DefinitionList("retention.yml", "ltv", "ltv", CohortValueSpec, check_cohort_value),
    DefinitionList("growth.yml", "referrals", "referral", ReferralSpec, check_referral),
    *(
        DefinitionList(file, key, key.removesuffix("s"), model, check_group)
        for file, key, model in (
            ("growth.yml", "shares", ShareSpec),
            ("growth.yml", "achievements", AchievementSpec),
            ("growth.yml", "challenges", ChallengeSpec),
            ("segments.yml", "features", FeatureSpec),
            ("audience.yml", "geography", GeographySpec),
            ("audience.yml", "content", ContentSpec),
            ("audience.yml", "market_segments", MarketSegmentSpec),
            ("audience.yml", "peer_benchmarks", PeerBenchmarkSpec),
        )
    ),
    DefinitionList("segments.yml", "scores", "score", ScoreSpec, check_score),
    DefinitionList(
        "audience.yml",
        "role_migrations",
        "role_migration",
        RoleMigrationSpec,
        check_role_migration,
    ),
    DefinitionList(
        "operations.yml", "performance", "measure", PerformanceSpec, check_performance
    ),
    DefinitionList("paths.yml", "paths", "path", PathSpec, check_path),
    DefinitionList("revenue.yml", "mrr", "mrr", MrrSpec, check_mrr),
    DefinitionList(
        *("revenue.yml", "attribution", "attribution"),
        AttributionSpec,
        check_attribution,
    ),
    DefinitionList("revenue.yml", "orders", "orders", OrdersSpec, check_orders),
    DefinitionList(
        *("revenue.yml", "acquisition", "acquisition"),
        AcquisitionSpec,
        check_acquisition,
    ),
    *(
        DefinitionList("segments.yml", key, kind, model, check_activity_definition)
        for key, kind, model in (
            ("lifecycle", "lifecycle", LifecycleSpec),
            ("stickiness", "stickiness", StickinessSpec),
            ("segments", "segmentation", SegmentationSpec),
        )
    ),
)
