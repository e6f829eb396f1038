"""The persons whose figures are recomputed each night, and their events: read only.

Here belong the draw, its bounds and the query; what is made of the events belongs to
`analysis.reconciliation`, and which figures of the warehouse they meet to
`reconciling`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from dagster_project.analysis.reconciliation.events import SampleEvent, SamplePerson
from dagster_project.analysis.reconciliation.funnels import (
    Exclusion,
    FunnelEvent,
    FunnelRules,
)
from dagster_project.analysis.reconciliation.sessions import SessionRules

# What a night recomputes: it must not grow with history, nor with a robot's diligence.
PERSONS = 200
READ_DAYS = 35
MOST_EVENTS_OF_A_PERSON = 500


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
        """SQL: the lists that `_funnel_event` reads."""
        steps = [step["filter"] for step in self.plan["steps"]]
        firsts = [step["first_of"] or "false" for step in self.plan["steps"]]
        exclusions = [part["filter"] for part in self.plan["exclusions"]]
        return [
            _flags(steps),
            _flags(firsts),
            _flags(exclusions),
            f"[{', '.join(self.plan['hold_constant'])}]::varchar[]",
            f"coalesce({self.plan['where'] or 'true'}, false)",
        ]


def _flags(conditions: Sequence[str]) -> str:
    listed = ", ".join(f"coalesce({one}, false)" for one in conditions)
    return f"[{listed}]::boolean[]"


@dataclass(frozen=True)
class Declared:
    """What of the catalog the figures of the sample depend on."""

    zone: ZoneInfo
    sessions: SessionRules
    sessions_not_recomputed: str | None
    activities: Mapping[str, bool]
    page_views: frozenset[str]
    server_platforms: frozenset[str]
    funnels: tuple[DeclaredFunnel, ...]


@dataclass(frozen=True)
class Sample:
    """Persons, all their events since ``read_from`` (UTC), and these to each funnel."""

    read_from: datetime
    last_day: date
    persons: tuple[SamplePerson, ...]
    events: tuple[SampleEvent, ...]
    funnel_events: Mapping[str, tuple[FunnelEvent, ...]]


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
    left_out = _sessions_not_recomputed(settings)
    funnels = rows("catalog_funnels.parquet", columns)
    return Declared(
        zone=ZoneInfo(settings["reporting_timezone"]),
        sessions=_session_rules(settings),
        sessions_not_recomputed=left_out,
        activities={name: bool(is_activity) for name, is_activity, _ in events},
        page_views=frozenset(name for name, _, is_view in events if is_view),
        server_platforms=frozenset(json.loads(settings["server_platforms"])),
        funnels=tuple(_funnel(row, left_out) for row in sorted(funnels)),
    )


def _session_rules(settings: Mapping[str, str]) -> SessionRules:
    def seconds(key: str) -> timedelta:
        return timedelta(seconds=int(settings[key]))

    return SessionRules(
        timeout=seconds("session_timeout_seconds"),
        longest=seconds("session_max_seconds"),
        cuts_at_midnight=settings["session_cut_at_midnight"] == "true",
        requires_page_view=settings["session_requires_page_view"] == "true",
        heartbeats=frozenset(json.loads(settings["heartbeat_events"])),
        minimum_visit=seconds("minimum_visit_seconds"),
    )


def _sessions_not_recomputed(settings: Mapping[str, str]) -> str | None:
    if settings["session_mode"] == "vendor":
        return "sessions bear the ids of the client"
    if settings["session_cut_on_campaign_change"] == "true":
        return "sessions are cut where the campaign changes"
    return None


def _funnel(row: tuple[Any, ...], no_sessions: str | None) -> DeclaredFunnel:
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
    )
    reason = None
    if counting == "accounts":
        reason = "an account has other persons than those of the sample"
    elif counting == "sessions":
        reason = no_sessions
    elif includes_excluded and rules.needs_whole_life:
        reason = "older events of robots are not read, and decide who came first"
    return DeclaredFunnel(name, rules, includes_excluded, plan, reason)


def read_sample(
    connection: duckdb.DuckDBPyConnection, declared: Declared
) -> Sample | None:
    """Draw persons seen in the newest `READ_DAYS` days, and read their events of these.

    The draw is by a hash of the person's id: the same persons every night as long as
    they stay active. Somebody with more events than `MOST_EVENTS_OF_A_PERSON` is left
    out. None while there is no event.
    """
    newest = connection.execute(
        "select max(event_date) from intermediate.int_event_days"
    ).fetchone()
    if newest is None or newest[0] is None:
        return None
    first_day = newest[0] - timedelta(days=READ_DAYS)
    drawn = connection.execute(
        "select person_id, first_seen_on > ? from marts.dim_persons "
        "where last_seen_on > ? order by hash(person_id), person_id limit ?",
        [first_day, first_day, PERSONS],
    ).fetchall()
    funnels = [funnel for funnel in declared.funnels if not funnel.not_recomputed]
    rows = _events(connection, funnels, first_day, [person for person, _ in drawn])
    counts: dict[str, int] = {}
    for row in rows:
        counts[row[1]] = counts.get(row[1], 0) + 1
    kept = {p for p, _ in drawn if counts.get(p, 0) <= MOST_EVENTS_OF_A_PERSON}
    rows = [row for row in rows if row[1] in kept]
    return Sample(
        read_from=datetime.combine(first_day, time()),
        last_day=newest[0],
        persons=tuple(SamplePerson(p, bool(whole)) for p, whole in drawn if p in kept),
        events=tuple(_event(row, declared) for row in rows),
        funnel_events={
            funnel.name: tuple(
                _funnel_event(row, row[PLAIN + 5 * place : PLAIN + 5 * (place + 1)])
                for row in rows
                if funnel.includes_excluded or not row[4]
            )
            for place, funnel in enumerate(funnels)
        },
    )


# Columns of an event before those of its funnels.
PLAIN = 10


def _events(
    connection: duckdb.DuckDBPyConnection,
    funnels: Sequence[DeclaredFunnel],
    first_day: date,
    persons: Sequence[str],
) -> list[tuple[Any, ...]]:
    columns = "".join(f", {sql}" for funnel in funnels for sql in funnel.columns)
    return connection.execute(
        f"""
        select
            event_id, person_id, occurred_at, event_name, is_bot or is_internal,
            platform, anonymous_id is not null or device_type is not null,
            json_extract_string(properties, '$."$page_view_id"'), revenue, event_date
            {columns}
        from (
            select * from intermediate.int_events
            where event_date >= ? and list_contains(?, person_id)
            qualify row_number() over (partition by person_id order by occurred_at)
            <= {MOST_EVENTS_OF_A_PERSON + 1}
        ) as events
        left join intermediate.int_person_properties using (person_id)
        """,
        [first_day, list(persons)],
    ).fetchall()


def _event(row: tuple[Any, ...], declared: Declared) -> SampleEvent:
    event_id, person, at, name, is_excluded, platform, has_device, view, revenue = row[
        :9
    ]
    return SampleEvent(
        event_id=event_id,
        person_id=person,
        at=at,
        name=name,
        is_excluded=is_excluded,
        is_activity=declared.activities.get(name, True),
        is_page_view=name in declared.page_views,
        is_of_server=(platform or "") in declared.server_platforms and not has_device,
        page_view_id=view,
        revenue=revenue,
    )


def _funnel_event(row: tuple[Any, ...], parts: tuple[Any, ...]) -> FunnelEvent:
    steps, firsts, exclusions, held, is_taken = parts
    return FunnelEvent(
        event_id=row[0],
        unit=row[1],
        at=row[2],
        steps=_places(steps, 1),
        first_of=_places(firsts, 1),
        exclusions=_places(exclusions, 0),
        held=tuple(held),
        is_taken=is_taken,
    )


def _places(flags: Sequence[bool], first: int) -> frozenset[int]:
    return frozenset(place for place, flag in enumerate(flags, first) if flag)
