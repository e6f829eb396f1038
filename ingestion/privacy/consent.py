"""Consent: which events of a load their persons have not allowed.

Belongs here: what persons decided, as far as it is known when a load lands, and the
verdict on each event. Not here: what becomes of an event without consent (`door`).

A decision is known from the events and the `consents` rows of earlier loads and from
the load at hand, whatever the order of its lines. It holds for an id from its time on,
until the next decision about the same purpose. Before the first known decision its
person had not been asked, and a yes covers that time too; a no leaves it to the
default. An event has consent when none of its ids has refused, and one has allowed or
the default does. Events that decide are the record of the decision and need no consent
themselves.

What landed before a withdrawal stays: it was allowed when it happened. Erasure is the
way to have it removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb

from ingestion.catalog.privacy_models import ConsentRules, ConsentSignal
from ingestion.privacy.plan import PrivacyPlan
from ingestion.sql_text import text, text_list

_YES: Final = (
    *("true", "1", "yes", "y", "granted", "grant", "allow", "allowed", "accept"),
    *("accepted", "opt_in", "opt-in", "optin", "on"),
)
# Before every floor date: what the first decision says of the time before it.
_LINKED: Final = "json_extract_string(properties, '$.\"$ids\"[*]')"
_ALWAYS: Final = "timestamp '1900-01-01'"
_SIGNAL_COLUMNS: Final = "event_name, occurred_at, user_id, anonymous_id, properties"


def find_unconsented(
    connection: duckdb.DuckDBPyConnection, plan: PrivacyPlan, lake: Path
) -> None:
    """Make `unconsented`: filename, file_row_number and purpose of each such event.

    `known` holds the events of the load with the ids that they will have in the lake
    (`lake` is its root), `properties` as sent.
    """
    rules = plan.consent
    if rules is None:
        raise ValueError("the plan declares no consent")
    _decisions(connection, rules, lake)
    defaults = " ".join(
        f"when {text(purpose.name)} then {purpose.default == 'granted'}"
        for purpose in rules.purposes
    )
    deciding = text_list(signal.event for signal in rules.signals) or "''"
    connection.execute(
        f"""
create or replace temp table unconsented as
with needing as (
    select
        filename, file_row_number, user_id, anonymous_id, occurred_at,
        {_purpose_sql(plan, rules)} as purpose
    from known
    where event_name not in ({deciding})
),
decided as (
    select
        needing.*,
        by_user.is_granted as user_granted,
        by_device.is_granted as device_granted
    from (select * from needing where purpose is not null) as needing
    asof left join decisions as by_user
        on needing.user_id = by_user.id
        and needing.purpose = by_user.purpose
        and needing.occurred_at >= by_user.decided_at
    asof left join decisions as by_device
        on needing.anonymous_id = by_device.id
        and needing.purpose = by_device.purpose
        and needing.occurred_at >= by_device.decided_at
)
select filename, file_row_number, purpose
from decided
where not coalesce(
    user_granted and device_granted,
    user_granted,
    device_granted,
    case purpose {defaults} end
)"""
    )


def _purpose_sql(plan: PrivacyPlan, rules: ConsentRules) -> str:
    """Give the purpose an event needs: by its name, its category, or for all."""
    of_category = dict(rules.category_needs)
    of_event = {
        event: of_category[category]
        for event, category in plan.categories.items()
        if category in of_category
    } | dict(rules.event_needs)
    parts = [
        f"when {column} = {text(name)} then {_literal(purpose)}"
        for column, needs in (("event_name", of_event), ("category", of_category))
        for name, purpose in needs.items()
    ]
    if not parts:
        return _literal(rules.needs)
    return f"case {' '.join(parts)} else {_literal(rules.needs)} end"


def _literal(purpose: str | None) -> str:
    return "null::varchar" if purpose is None else text(purpose)


def _decisions(
    connection: duckdb.DuckDBPyConnection, rules: ConsentRules, lake: Path
) -> None:
    """Make `decisions`: id, purpose, from when, granted or not."""
    parts = [*_from_events(rules, lake), *_from_table(lake)]
    listed = " union all ".join(parts) or (
        "select null::varchar as id, '' as purpose, null::timestamp as decided_at, "
        "false as is_granted"
    )
    connection.execute(
        f"""
create or replace temp table decisions as
with single as (
    -- At one instant a no counts.
    select id, purpose, decided_at, bool_and(is_granted) as is_granted
    from ({listed})
    where id is not null and decided_at is not null and is_granted is not null
    group by all
)
select * from single
union all
select id, purpose, {_ALWAYS}, true
from single
group by id, purpose
having arg_min(is_granted, decided_at)"""
    )


def _from_events(rules: ConsentRules, lake: Path) -> Iterator[str]:
    """Give the decisions in the events of this load and of earlier ones."""
    names = text_list(dict.fromkeys(signal.event for signal in rules.signals))
    if not names:
        return
    landed = (
        f"select {_SIGNAL_COLUMNS} from read_parquet("
        f"{text(lake / 'events' / 'load=*' / 'date=*' / '*.parquet')}, "
        f"hive_partitioning = false) where event_name in ({names})"
    )
    here = f"select {_SIGNAL_COLUMNS} from known where event_name in ({names})"
    for signal in rules.signals:
        for purpose, granted in _says(signal):
            yield (
                "select unnest(list_distinct(list_concat([user_id, anonymous_id], "
                f"coalesce({_LINKED}, [])))) as id, "
                f"{text(purpose)} as purpose, occurred_at as decided_at, "
                f"{granted} as is_granted from ({landed} union all {here}) "
                f"where event_name = {text(signal.event)}"
            )


def _says(signal: ConsentSignal) -> Iterator[tuple[str, str]]:
    """Give each purpose that a signal decides, and SQL for yes, no or nothing."""
    for purpose in signal.grants:
        yield purpose, "true"
    for purpose in signal.withdraws:
        yield purpose, "false"
    for path, purpose in signal.properties.items():
        steps = "".join(f'."{step}"' for step in path.split("."))
        said = f"nullif(trim(json_extract_string(properties, {text('$' + steps)})), '')"
        yield purpose, f"lower({said}) in ({text_list(_YES)})"


def _from_table(lake: Path) -> Iterator[str]:
    """Give the decisions of the landed table `consents`, where there is one."""
    if any(lake.glob("consents/load=*/date=*/*.parquet")):
        yield (
            "select unnest([user_id, anonymous_id]) as id, purpose, decided_at, "
            "is_granted from read_parquet("
            f"{text(lake / 'consents' / 'load=*' / 'date=*' / '*.parquet')}, "
            "hive_partitioning = false)"
        )
