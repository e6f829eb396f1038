"""Random logs and random retention definitions, each said twice: in YAML, in Python."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st

from dagster_project.analysis.reconciliation.periods import WEEKDAYS
from tests.dbt_project.cohort_oracle import Event, Predicate, Retention, everything

Row = dict[str, Any]
Declared = dict[str, Any]

# Clocks change within these nine weeks in New York (8 March), London (29 March), on
# Lord Howe Island (5 April, by half an hour); Kathmandu lies 5:45 off UTC.
START = datetime(2026, 2, 26)
DAYS = 63
ZONES = (
    *("UTC", "America/New_York", "Europe/London", "Asia/Kathmandu"),
    *("Australia/Lord_Howe", "Pacific/Auckland"),
)
NAMES = ("start", "other", "silent")

_moments = st.builds(
    lambda day, second, micro: (
        START + timedelta(days=day, seconds=second, microseconds=micro)
    ),
    day=st.integers(0, DAYS - 1),
    # Midnights and changes of the clock, in UTC, and anything else.
    second=st.one_of(
        st.sampled_from([0, 1, 3600, 15 * 3600, 18 * 3600 + 900, 5 * 3600, 7 * 3600]),
        st.integers(0, 86_399),
    ),
    micro=st.sampled_from((0, 0, 0, 1, 999_999)),
)


def _event(number: int, fields: dict[str, Any]) -> Row:
    account, bot = fields.pop("account"), fields.pop("bot")
    amount = fields.pop("amount")
    properties = {} if account is None else {"account": account}
    return {
        "event_id": f"e{number}",
        **fields,
        "revenue": Decimal(amount) if fields["event_name"] == "other" else None,
        "browser": "bot" if bot else "firefox",
        "properties": json.dumps(properties),
    }


@st.composite
def logs(draw: st.DrawFn, size: int = 120) -> list[Row]:
    """Events of few persons, bots among them, some at the very same moment."""
    fields = st.fixed_dictionaries(
        {
            "event_name": st.sampled_from(
                ("start", "start", "other", "other", "silent")
            ),
            "occurred_at": _moments,
            "user_id": st.sampled_from(("ann", "bob", "cyd", "dan", "eve", None)),
            "platform": st.sampled_from(("web", "web", "ios", None)),
            "account": st.sampled_from(("x", "y", None)),
            "amount": st.sampled_from(("0", "9.99", "-4.5", "100")),
            "bot": st.integers(0, 19).map(lambda roll: roll == 0),
        }
    )
    drawn = draw(st.lists(fields, min_size=size // 2, max_size=size))
    return [_event(number, dict(event)) for number, event in enumerate(drawn)]


def account_of(event: Event) -> str | None:
    account = json.loads(event["properties"]).get("account")
    return None if account is None else str(account)


CONDITIONS: dict[str | None, Predicate] = {
    None: everything,
    "platform = 'web'": lambda event: event["platform"] == "web",
    "property('account') = 'x'": lambda event: account_of(event) == "x",
    "platform is null": lambda event: event["platform"] is None,
}
_conditions = st.sampled_from((None, None, None, *CONDITIONS))
_breakdowns = st.lists(
    st.builds(
        lambda name, on: {
            "name": name,
            "sql": {"by_platform": "platform", "by_account": "property('account')"}[
                name
            ],
            "on": on,
        },
        name=st.sampled_from(("by_platform", "by_account")),
        on=st.sampled_from(("start", "both")),
    ),
    max_size=2,
    unique_by=lambda breakdown: breakdown["name"],
)


def _filter(names: list[str] | None, where: str | None) -> Declared:
    declared: Declared = {} if names is None else {"event": names}
    return declared | ({} if where is None else {"where": where})


activity_filters = st.builds(
    _filter, st.sampled_from((None, None, ["start"], ["other"], ["*"])), _conditions
)


@st.composite
def retention_definitions(draw: st.DrawFn) -> Declared:
    """Give a declaration that uses any of the parameters."""
    kind = draw(st.sampled_from(("classic", "unbounded", "bracket")))
    declared: Declared = {
        "target": _filter(
            draw(st.sampled_from((["start"], ["start", "other"]))), draw(_conditions)
        ),
        "returning": _filter(
            draw(st.sampled_from((None, ["start"], ["other"], ["*"]))),
            draw(_conditions),
        ),
        "entry": draw(st.sampled_from(("first_time", "first_ever", "recurring"))),
        "type": kind,
        "period": draw(
            st.sampled_from(("hour", "day", "day", "week", "week", "month"))
        ),
        "min_occurrences": draw(st.sampled_from((1, 1, 2, 3))),
        "clock": draw(
            st.sampled_from(("calendar", "calendar", "rolling", "rolling_from_hour"))
        ),
        "timezone": draw(st.sampled_from(ZONES)),
        "week_start": draw(st.sampled_from(WEEKDAYS)),
        "breakdowns": draw(_breakdowns),
        "count_by": draw(
            st.sampled_from(("person_id", "person_id", "property('account')"))
        ),
    }
    where = draw(_conditions)
    if where is not None:
        declared["where"] = where
    if kind == "bracket":
        declared["brackets"] = draw(
            st.sampled_from(
                (
                    [{"first": 1, "last": 3}],
                    [{"first": 1, "last": 1}, {"first": 3, "last": 9}],
                )
            )
        )
    else:
        declared |= draw(
            st.sampled_from(({"periods": 4}, {"at": [1, 3, 7]}, {"periods": 1}))
        )
    return declared


@st.composite
def ltv_definitions(draw: st.DrawFn) -> Declared:
    """Give a declaration of a cohort LTV."""
    where = draw(_conditions)
    breakdowns = [{"name": one["name"], "sql": one["sql"]} for one in draw(_breakdowns)]
    return {
        "target": _filter(["start"], draw(_conditions)),
        "valued": _filter(["*"], draw(_conditions)),
        "entry": draw(st.sampled_from(("first_time", "first_ever"))),
        "period": draw(st.sampled_from(("day", "week", "month"))),
        "periods": draw(st.integers(1, 4)),
        "timezone": draw(st.sampled_from(ZONES)),
        "week_start": draw(st.sampled_from(WEEKDAYS)),
        "breakdowns": breakdowns,
        "count_by": draw(st.sampled_from(("person_id", "property('account')"))),
    } | ({} if where is None else {"where": where})


def ltv_as_oracle(declared: Declared) -> Retention:
    """Say a cohort LTV in Python: a grid whose returns are what has value."""
    common = {key: value for key, value in declared.items() if key != "valued"}
    breakdowns = [one | {"on": "start"} for one in declared["breakdowns"]]
    return as_oracle(
        {
            **common,
            "returning": declared["valued"],
            "breakdowns": breakdowns,
            "type": "classic",
            "clock": "calendar",
            "min_occurrences": 1,
        }
    )


def as_oracle(declared: Declared) -> Retention:
    """Say a declaration in Python."""
    if declared["type"] == "bracket":
        buckets = tuple((b["first"], b["last"]) for b in declared["brackets"])
    else:
        numbers = declared.get("at") or range(1, declared["periods"] + 1)
        buckets = tuple((number, number) for number in numbers)
    by_person = declared["count_by"] == "person_id"
    where = CONDITIONS[declared.get("where")]
    return Retention(
        target_names=frozenset(declared["target"]["event"]),
        target_where=CONDITIONS[declared["target"].get("where")],
        returning=selected(declared["returning"]),
        where=lambda event: event["browser"] != "bot" and where(event),
        unit=(lambda event: event["user_id"]) if by_person else account_of,
        entry=declared["entry"],
        type=declared["type"],
        period=declared["period"],
        buckets=buckets,
        min_occurrences=declared["min_occurrences"],
        clock=declared["clock"],
        timezone=declared["timezone"],
        week_start=declared["week_start"],
        dimensions={
            breakdown["name"]: (
                account_of
                if breakdown["name"] == "by_account"
                else lambda event: event["platform"],
                breakdown["on"],
            )
            for breakdown in declared["breakdowns"]
        },
    )


def selected(declared: Declared) -> Predicate:
    """Give the predicate of declared events; none named are those with activity."""
    names = declared.get("event")
    where = CONDITIONS[declared.get("where")]

    def holds(event: Event) -> bool:
        name = event["event_name"]
        named = name != "silent" if names is None else name in names or "*" in names
        return named and where(event)

    return holds
