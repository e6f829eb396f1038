"""What of the catalog the sample's figures depend on, as the night compiled it.

Here belong rules for the second engine, and the SQL of what one event is to a
definition. Here does not belong any reading of events.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from dagster_project.analysis.reconciliation.attribution import Rules
from dagster_project.analysis.reconciliation.funnel_steps import (
    Breakdown,
    Exclusion,
    FunnelRules,
)
from dagster_project.analysis.reconciliation.sessions import SessionRules
from dagster_project.reconciling.declared_cohorts import (
    DeclaredCohorts,
    DeclaredSeries,
    read_cohorts,
)


@dataclass(frozen=True)
class DeclaredFunnel:
    """A funnel as compiled: rules for the engine, SQL of what an event is to it.

    ``not_recomputed``: why it is left out; None: it is not.
    """

    name: str
    rules: FunnelRules
    includes_excluded: bool
    plan: Mapping[str, Any]
    not_recomputed: str | None

    @property
    def columns(self) -> list[str]:
        """SQL: what an event is to it, as `funnel_event` reads it."""
        steps = [step["filter"] for step in self.plan["steps"]]
        firsts = [step["first_of"] or "false" for step in self.plan["steps"]]
        exclusions = [part["filter"] for part in self.plan["exclusions"]]
        groups = [f"[{', '.join(one['by'])}]" for one in self.plan["breakdowns"]]
        return [
            _flags(steps),
            _flags(firsts),
            _flags(exclusions),
            f"[{', '.join(self.plan['hold_constant'])}]::varchar[]",
            f"coalesce({self.plan['where'] or 'true'}, false)",
            f"[{', '.join(groups)}]::varchar[][]",
            f"cast({self.plan['value'] or 'null'} as decimal(18, 6))",
        ]

    @property
    def unit(self) -> str:
        """SQL: whom an event counts for; sessions are placed among persons later."""
        of_accounts = self.rules.counting == "accounts"
        return str(self.plan["account"]) if of_accounts else "person_id"


def _flags(conditions: Sequence[str]) -> str:
    listed = ", ".join(f"coalesce({one}, false)" for one in conditions)
    return f"[{listed}]::boolean[]"


@dataclass(frozen=True)
class DeclaredAttribution:
    """An attribution as compiled: rules for the engine, SQL of its conversions.

    ``channel`` is SQL over sessions.
    """

    name: str
    rules: Rules
    models: tuple[str, ...]
    includes_excluded: bool
    conversion: str
    value: str
    channel: str

    @property
    def columns(self) -> list[str]:
        """SQL: what an event is to it, as `_conversion` reads it."""
        return [f"coalesce({self.conversion}, false)", f"coalesce({self.value}, 0)"]


@dataclass(frozen=True)
class DeclaredBook:
    """A book of subscriptions as compiled.

    ``columns``: SQL of what an event is to it; none where it reads the table.
    """

    name: str
    reads_events: bool
    source: str | None
    paying_statuses: tuple[str, ...]
    includes_excluded: bool
    columns: tuple[str, ...]
    not_recomputed: str | None


@dataclass(frozen=True)
class Declared:
    """What of the catalog the figures of the sample depend on.

    ``event_rules``: the hash of the rules that made the events.
    """

    zone: ZoneInfo
    event_rules: str
    sessions: SessionRules
    activities: Mapping[str, bool]
    page_views: frozenset[str]
    server_platforms: frozenset[str]
    funnels: tuple[DeclaredFunnel, ...]
    attributions: tuple[DeclaredAttribution, ...]
    books: tuple[DeclaredBook, ...]
    cohorts: DeclaredCohorts

    def definitions_of(self, unit: str) -> list[DeclaredFunnel | DeclaredSeries]:
        """Give what is counted by one unit (SQL), is recomputed, and reads events."""
        funnels = [
            one for one in self.funnels if one.unit == unit and not one.not_recomputed
        ]
        return [*funnels, *(one for one in self.cohorts.series if one.unit == unit)]

    @property
    def account_units(self) -> list[str]:
        """SQL of all that is counted in the place of persons."""
        funnels = [one.unit for one in self.funnels if not one.not_recomputed]
        units = {*funnels, *(one.unit for one in self.cohorts.series)}
        return sorted(units - {"person_id"})


def read_declared(connection: duckdb.DuckDBPyConnection, compiled: Path) -> Declared:
    """Read the rules that a night was computed by from the compiled catalog."""

    def rows(table: str, columns: str) -> list[tuple[Any, ...]]:
        return connection.execute(
            f"select {columns} from read_parquet(?)", [str(compiled / table)]
        ).fetchall()

    settings = dict(rows("catalog_settings.parquet", "key, value"))
    events = rows("catalog_events.parquet", "event_name, is_activity, is_page_view")
    columns = (
        "funnel_name, step_count, window_seconds, step_order, ties, entry_mode, "
        "range_from, range_to, range_applies_to, counting, "
        "include_excluded_traffic, plan"
    )
    funnels = rows("catalog_funnels.parquet", columns)
    attributions = rows(
        "catalog_attribution.parquet",
        "attribution_name, lookback_days, half_life_days, position_weights, "
        "direct_channels, models, include_excluded_traffic, conversion_filter_sql, "
        "value_sql, channel_sql",
    )
    books = rows(
        "catalog_mrr.parquet",
        "mrr_name, customer, reads_events, source, paying_statuses, "
        "include_excluded_traffic, changed_filter_sql, ended_filter_sql, "
        "subscription_sql, amount_sql, months_sql",
    )
    return Declared(
        zone=ZoneInfo(settings["reporting_timezone"]),
        event_rules=settings["event_rules_hash"],
        sessions=_session_rules(settings),
        activities={name: bool(is_activity) for name, is_activity, _ in events},
        page_views=frozenset(name for name, _, is_view in events if is_view),
        server_platforms=frozenset(json.loads(settings["server_platforms"])),
        funnels=tuple(_funnel(row) for row in sorted(funnels)),
        attributions=tuple(_attribution(row) for row in sorted(attributions)),
        books=tuple(_book(row, settings) for row in books),
        cohorts=read_cohorts(rows),
    )


def _session_rules(settings: Mapping[str, str]) -> SessionRules:
    def seconds(key: str) -> timedelta:
        return timedelta(seconds=int(settings[key]))

    return SessionRules(
        timeout=seconds("session_timeout_seconds"),
        longest=seconds("session_max_seconds"),
        are_of_client=settings["session_mode"] == "vendor",
        cuts_on_campaign=settings["session_cut_on_campaign_change"] == "true",
        cuts_at_midnight=settings["session_cut_at_midnight"] == "true",
        requires_page_view=settings["session_requires_page_view"] == "true",
        heartbeats=frozenset(json.loads(settings["heartbeat_events"])),
        minimum_visit=seconds("minimum_visit_seconds"),
    )


def _funnel(row: tuple[Any, ...]) -> DeclaredFunnel:
    name, steps, window, order, ties, entry, start, end, applies, counting = row[:10]
    includes_excluded, plan = bool(row[10]), json.loads(row[11])
    rules = FunnelRules(
        steps=steps,
        window=timedelta(seconds=window),
        order=order,
        ties=ties,
        entry_mode=entry,
        exclusions=tuple(
            Exclusion(part["from_step"], part["to_step"]) for part in plan["exclusions"]
        ),
        range_from=start,
        range_to=end,
        range_applies_to=applies,
        counting=counting,
        first_time_steps=frozenset(
            place for place, step in enumerate(plan["steps"], 1) if step["first_of"]
        ),
        breakdowns=tuple(
            Breakdown(part["name"], part["attribution"], part["step"])
            for part in plan["breakdowns"]
        ),
        is_valued=plan["value"] is not None,
    )
    reason = None
    if includes_excluded and rules.needs_whole_life:
        reason = "older events of robots are not read, and decide who came first"
    elif counting == "accounts" and rules.needs_whole_life:
        reason = "older events of other persons decide what an account did first"
    return DeclaredFunnel(name, rules, includes_excluded, plan, reason)


def _attribution(row: tuple[Any, ...]) -> DeclaredAttribution:
    name, lookback, half_life, weights, direct, models, everyone, *sql = row
    shared = json.loads(weights)
    return DeclaredAttribution(
        name=name,
        rules=Rules(
            lookback_days=lookback,
            half_life_days=half_life,
            weights=(shared["first"], shared["middle"], shared["last"]),
            direct=tuple(json.loads(direct)),
        ),
        models=tuple(json.loads(models)),
        includes_excluded=bool(everyone),
        conversion=sql[0],
        value=sql[1],
        channel=sql[2],
    )


def _book(row: tuple[Any, ...], settings: Mapping[str, str]) -> DeclaredBook:
    name, customer, reads_events, source, paying, everyone, *sql = row
    changed, ended, subscription, amount, months = sql
    reason: str | None = None
    columns: tuple[str, ...] = ()
    no_subscription = "''"
    if reads_events and customer == "account":
        reason = "an account has other persons than those of the sample"
    elif reads_events and everyone:
        reason = (
            "older events of robots are not read, and may have begun a subscription"
        )
    elif reads_events:
        columns = (
            f"coalesce(({changed}) or ({ended}), false)",
            f"coalesce({ended}, false)",
            f"cast({subscription or no_subscription} as varchar)",
            f"try_cast({amount} as decimal(18, 6))",
            f"cast({months} as double)",
        )
    elif customer == "person":
        reason = "whose a landed subscription is, is told by identities of all history"
    elif settings["reporting_currency"]:
        reason = "amounts are converted"
    return DeclaredBook(
        name=name,
        reads_events=bool(reads_events),
        source=source,
        paying_statuses=tuple(json.loads(paying)),
        includes_excluded=bool(everyone),
        columns=columns,
        not_recomputed=reason,
    )
