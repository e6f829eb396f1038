"""The truth file against an independent count of the files by SQL."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingestion.simulator import SimulationSpec, simulate, write_truth

if TYPE_CHECKING:
    from tests.ingestion.simulator.conftest import Simulated


def test_every_event_is_written_once_and_counted(clean: Simulated) -> None:
    written = clean.value("select count(*) from events")
    assert written == clean.value("select count(distinct event_id) from events")
    assert written == clean.truth["totals"]["events"]
    assert written == clean.result.row_count == clean.result.event_count
    assert written > 150_000


def test_counts_by_name_and_day(clean: Simulated) -> None:
    counted: dict[str, dict[str, int]] = {}
    for name, day, count in clean.rows(
        "select event_name, day, count(*) from events group by all"
    ):
        counted.setdefault(name, {})[str(day)] = count
    assert counted == clean.truth["event_counts"]


def test_all_declared_kinds_occur(clean: Simulated) -> None:
    assert len(clean.truth["event_counts"]) == 41
    assert all(clean.truth["event_counts"].values())


@pytest.mark.parametrize(
    ("figure", "event"),
    [("revenue", "purchase_completed"), ("refunds", "refund_issued")],
)
def test_money_by_day(clean: Simulated, figure: str, event: str) -> None:
    summed = clean.by_day(
        f"""select day, sum(revenue) from events
        where event_name = '{event}' group by all"""
    )
    truth = {day: Decimal(text) for day, text in clean.figure(figure).items()}
    assert {day: amount for day, amount in truth.items() if amount} == summed
    assert Decimal(clean.truth["totals"][figure]) == sum(summed.values())


def test_only_purchases_and_refunds_bear_revenue(clean: Simulated) -> None:
    assert clean.rows(
        """select event_name, min(revenue) > 0, max(revenue) < 0, any_value(currency)
        from events where revenue is not null group by all order by all"""
    ) == [
        ("purchase_completed", True, False, "USD"),
        ("refund_issued", False, True, "USD"),
    ]


def test_sessions_by_the_thirty_minute_rule(clean: Simulated) -> None:
    starts = clean.by_day(
        """
        with gaps as (
            select day, occurred_at - lag(occurred_at) over (
                partition by person order by occurred_at, event_id
            ) as gap
            from events where is_client
        )
        select day, count(*) from gaps
        where gap is null or gap > interval 30 minute group by all
        """
    )
    assert starts == clean.figure("sessions")
    assert sum(starts.values()) == clean.truth["totals"]["sessions"]


def test_no_gap_is_near_the_session_limit(clean: Simulated) -> None:
    near = """
        with gaps as (
            select occurred_at - lag(occurred_at) over (
                partition by person order by occurred_at, event_id
            ) as gap
            from events where is_client
        )
        select count(*) filter (gap between interval 25 minute and interval 35 minute),
            count(*) filter (gap <= interval 0 second)
        from gaps
    """
    assert clean.rows(near) == [(0, 0)]


@pytest.mark.parametrize(
    ("scope", "condition"), [("client_events", "is_client"), ("any_events", "true")]
)
def test_active_persons(clean: Simulated, scope: str, condition: str) -> None:
    counted = clean.rows(
        f"""
        with active as (select distinct person, day from events where {condition}),
        days as (select distinct day from events)
        select days.day,
            count(distinct person) filter (active.day = days.day),
            count(distinct person) filter (active.day > days.day - 7),
            count(distinct person)
        from days join active
            on active.day <= days.day and active.day > days.day - 30
        group by all
        """
    )
    assert {
        str(day): {"dau": dau, "wau": wau, "mau": mau} for day, dau, wau, mau in counted
    } == {day: scopes[scope] for day, scopes in clean.figure("active_persons").items()}


def test_persons_and_sign_ups(clean: Simulated) -> None:
    totals = clean.truth["totals"]
    assert clean.value("select count(distinct person) from events") == totals["persons"]
    users = clean.value("select count(distinct user_id) from events")
    assert users == totals["sign_ups"] == sum(clean.figure("sign_ups").values())
    assert 0.3 < totals["sign_ups"] / totals["persons"] < 0.7


def test_mrr_movements(clean: Simulated) -> None:
    sql = """
        with moves as (
            select day, event_name, occurred_at,
                (properties ->> 'mrr')::decimal(18, 2)
                    - (properties ->> 'previous_mrr')::decimal(18, 2) as change,
                event_name = 'subscription_started' and count(*) over (
                    partition by person, event_name order by occurred_at
                ) > 1 as is_again
            from events where event_name in (
                'subscription_started', 'subscription_upgraded',
                'subscription_downgraded', 'subscription_cancelled'
            )
        )
        select day,
            case event_name
                when 'subscription_started'
                    then if(is_again, 'reactivation', 'new')
                when 'subscription_upgraded' then 'expansion'
                when 'subscription_downgraded' then 'contraction'
                else 'churn'
            end as movement,
            sum(change)
        from moves group by all
    """
    counted = {(str(day), name): change for day, name, change in clean.rows(sql)}
    movements = clean.figure("mrr")
    truth = {
        (day, name): Decimal(text)
        for day, figures in movements.items()
        for name, text in figures.items()
        if name not in ("opening", "closing") and Decimal(text)
    }
    assert truth == counted
    assert {name for _, name in truth} == {
        "new", "reactivation", "expansion", "contraction", "churn",
    }  # fmt: skip
    closing = Decimal(0)
    for figures in movements.values():
        assert Decimal(figures["opening"]) == closing
        closing = Decimal(figures["closing"])
    assert closing == sum(counted.values())


def test_referrals(clean: Simulated) -> None:
    totals = clean.truth["totals"]
    for name in ("invites_sent", "invites_accepted"):
        event = name.replace("invites", "invite")
        count = clean.value(f"select count(*) from events where event_name = '{event}'")
        assert count == totals[name] == sum(clean.figure(name).values()) > 0


def test_truth_file_holds_the_truth(clean: Simulated, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere" / "truth.json"
    write_truth(clean.result, path)
    assert json.loads(path.read_text()) == json.loads(json.dumps(clean.truth))
    assert [file.name for file in path.parent.iterdir()] == ["truth.json"]


def test_events_target_is_met_within_a_tenth(tmp_path: Path) -> None:
    for target in (20_000, 160_000):
        spec = SimulationSpec(
            persons=3_000, start=date(2026, 3, 1), days=14, events_target=target
        )
        result = simulate(spec, tmp_path / str(target))
        assert abs(result.event_count / target - 1) < 0.1


def test_planted_retention_is_what_the_files_show(clean: Simulated) -> None:
    """Return on day k is the mix of both curves, times the factor of that day."""
    planted = clean.truth["planted"]
    share = planted["retention"]["committed_share"]

    def curve(name: str, age: int) -> float:
        figures = planted["retention"][name]
        decay = age ** -figures["exponent"]
        return float(figures["floor"] + (figures["first"] - figures["floor"]) * decay)

    for age in (1, 3, 7, 14):
        returns = clean.rows(
            f"""
            with days as (select distinct person, day from events where is_client),
            firsts as (select person, min(day) as first from days group by all)
            select (first + {age})::varchar, count(*), count(days.day)
            from firsts left join days
                on days.person = firsts.person and days.day = first + {age}
            where first + {age} <= (select max(day) from days) group by all
            """
        )
        mixed = share * curve("committed", age) + (1 - share) * curve("casual", age)
        expected = sum(
            count * mixed * planted["engagement_factors"][day]
            for day, count, _ in returns
        )
        observed = sum(returned for _, _, returned in returns)
        assert abs(observed - expected) < 4 * expected**0.5


def test_planted_experiment_timings_and_anomalies(clean: Simulated) -> None:
    planted = clean.truth["planted"]
    arms = dict(
        clean.rows(
            """
            with exposed as (
                select properties ->> 'variant' as variant, person,
                    lead(event_name) over (
                        partition by person order by occurred_at, event_id
                    ) as next_name, event_name
                from events where is_client
            )
            select variant, avg((next_name = 'purchase_completed')::int) from exposed
            where event_name = 'experiment_exposed' group by all
            """
        )
    )
    for arm, share in planted["experiment"]["purchase_given_exposure"].items():
        assert arms[arm] == pytest.approx(share, abs=0.07)
    medians = dict(
        clean.rows(
            """select properties ->> 'endpoint', median(value) from events
            where event_name = 'api_called' group by all"""
        )
    )
    slow = planted["timings_ms"]["slow_endpoint"]
    assert medians[slow] == pytest.approx(
        planted["timings_ms"]["slow_endpoint_median"], rel=0.05
    )
    assert max(median for name, median in medians.items() if name != slow) < 130
    active = {
        day: scopes["client_events"]["dau"]
        for day, scopes in clean.figure("active_persons").items()
    }
    days = list(active)
    spike, drop = (
        days.index(planted["spike"]["date"]),
        days.index(planted["drop"]["date"]),
    )
    assert active[days[spike]] > 1.5 * active[days[spike - 7]]
    assert active[days[drop]] < 0.6 * active[days[drop - 7]]
