"""Dirt arrives in the shares asked for and never touches the truth."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.simulator import Dirt, SimulationSpec, simulate

SPEC: dict[str, Any] = {
    "seed": 3,
    "persons": 1_500,
    "start": date(2026, 5, 4),
    "days": 12,
}
DIRT = Dirt(
    duplicates=0.05,
    late=0.08,
    out_of_order=0.1,
    malformed=0.02,
    bots=0.1,
    clock_skew=0.03,
)


def read_lines(directory: Path) -> duckdb.DuckDBPyConnection:
    """A table `lines` of every line: parsed where it can be, with its file."""
    connection = duckdb.connect()
    connection.execute(
        f"""
        create table lines as
        with raw as (
            select line, parse_filename(filename) as file, line_number
            from (
                select column0 as line, filename,
                    row_number() over (partition by filename) as line_number
                from read_csv(
                    '{directory}/*.jsonl', delim = '\\x01', quote = '', escape = '',
                    header = false, auto_detect = false,
                    columns = {{'column0': 'VARCHAR'}}, filename = true
                )
            )
        ),
        parsed as (
            select *, case when json_valid(line) then line::json end as event from raw
        )
        select
            line, file, line_number,
            event ->> 'event_id' as event_id,
            event ->> 'event_name' as event_name,
            event ->> 'user_agent' as user_agent,
            event ->> 'anonymous_id' as anonymous_id,
            try_cast(event ->> 'occurred_at' as timestamp) as occurred_at,
            try_cast(event ->> 'received_at' as timestamp) as received_at,
            coalesce(
                event_name is null or occurred_at is null, true
            ) as is_malformed,
            coalesce(
                occurred_at > received_at + interval 24 hour
                or occurred_at < timestamp '2000-01-01', false
            ) as is_impossible
        from parsed
        """
    ).fetchall()
    return connection


@pytest.fixture(scope="module")
def dirty(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, Any], duckdb.DuckDBPyConnection]:
    directory = tmp_path_factory.mktemp("dirty")
    result = simulate(SimulationSpec(**SPEC, dirt=DIRT), directory)
    connection = read_lines(directory)
    (count,) = connection.execute("select count(*) from lines").fetchall()[0]
    assert count == result.row_count
    return result.truth, connection


def one(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    [row] = connection.execute(sql).fetchall()
    return row if len(row) > 1 else row[0]


def test_dirt_changes_no_truth(dirty: Any, tmp_path: Path) -> None:
    truth, _ = dirty
    clean = simulate(SimulationSpec(**SPEC), tmp_path).truth
    for part in ("totals", "days", "event_counts", "planted"):
        assert truth[part] == clean[part]


def test_malformed_lines_by_flaw(dirty: Any) -> None:
    truth, connection = dirty
    cut, nameless, undated = one(
        connection,
        """
        select count(*) filter (event_id is null),
            count(*) filter (event_id is not null and event_name is null),
            count(*) filter (event_name is not null and occurred_at is null)
        from lines where is_malformed
        """,
    )
    total = truth["dirt"]["total"]
    assert cut == total["malformed_cut_off"] > 0
    assert nameless == total["malformed_nameless"] > 0
    assert undated == total["malformed_undated"] > 0


def test_impossible_clocks(dirty: Any) -> None:
    truth, connection = dirty
    future, past = one(
        connection,
        """
        select count(*) filter (occurred_at > received_at), count(*) filter (
            occurred_at < received_at)
        from lines where is_impossible and not is_malformed
        """,
    )
    total = truth["dirt"]["total"]
    assert (future, past) == (total["clock_future"], total["clock_past"])


def test_bots_and_duplicates_and_what_remains(dirty: Any) -> None:
    truth, connection = dirty
    agent = truth["dirt"]["bot_user_agent"]
    good = "not is_malformed and not is_impossible"
    bots, bot_ids = one(
        connection,
        f"""select count(*), list(distinct anonymous_id order by anonymous_id)
        from lines where {good} and user_agent = '{agent}'""",
    )
    assert bots == truth["dirt"]["total"]["bots"]
    assert bot_ids == sorted(truth["dirt"]["bot_anonymous_ids"])
    rows, distinct = one(
        connection,
        f"""select count(*), count(distinct event_id)
        from lines where {good} and user_agent <> '{agent}'""",
    )
    assert distinct == truth["totals"]["events"]
    assert rows - distinct == truth["dirt"]["total"]["duplicates"]


def test_duplicates_differ_in_receipt_only(dirty: Any) -> None:
    _, connection = dirty
    assert (
        one(
            connection,
            """
            select count(*) from (
                select event_id from lines where not is_malformed group by all
                having count(distinct regexp_replace(line, '"received_at":"[^"]*"', ''))
                    > 1 or count(*) <> count(distinct received_at)
            )
            """,
        )
        == 0
    )


def test_late_events_stand_in_the_file_of_their_arrival(dirty: Any) -> None:
    truth, connection = dirty
    late, misfiled, later_file = one(
        connection,
        """
        with firsts as (
            select min(received_at - occurred_at) as delay
            from lines where not is_malformed and not is_impossible group by event_id
        )
        select
            (select count(*) from firsts where delay >= interval 1 hour),
            (select count(*) from lines where received_at is not null
                and file <> format('events-{}.jsonl', received_at::date)),
            (select count(*) from lines where not is_impossible
                and received_at::date > occurred_at::date)
        """,
    )
    assert late == truth["dirt"]["total"]["late"]
    assert misfiled == 0
    assert later_file > 0


def test_some_rows_stand_out_of_order(dirty: Any) -> None:
    truth, connection = dirty
    descents = one(
        connection,
        """
        select count(*) from (
            select received_at < max(received_at) over (
                partition by file order by line_number
                rows between unbounded preceding and 1 preceding
            ) as is_behind from lines where received_at is not null
        ) where is_behind
        """,
    )
    moved = truth["dirt"]["total"]["out_of_order"]
    assert descents >= 0.3 * moved > 0


def test_shares_are_those_asked_for(dirty: Any) -> None:
    truth, _ = dirty
    total, events = truth["dirt"]["total"], truth["totals"]["events"]
    malformed = sum(total[name] for name in total if name.startswith("malformed"))
    skewed = total["clock_future"] + total["clock_past"]
    assert total["duplicates"] / events == pytest.approx(DIRT.duplicates, rel=0.1)
    assert malformed / events == pytest.approx(DIRT.malformed, rel=0.1)
    assert skewed / events == pytest.approx(DIRT.clock_skew, rel=0.1)
    assert total["bots"] / events == pytest.approx(DIRT.bots, rel=0.01)
    # The period's last two hours leave no room for lateness.
    assert total["late"] / events == pytest.approx(DIRT.late, rel=0.1)
    # Of all rows written, dirt included.
    assert 1 < total["out_of_order"] / events / DIRT.out_of_order < 1.3


@pytest.mark.parametrize("share", [-0.1, 0.6])
def test_absurd_shares_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="dirt share late"):
        Dirt(late=share)


shares = st.floats(0, 0.5)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 2**40),
    persons=st.integers(1, 60),
    days=st.integers(1, 25),
    dirt=st.builds(Dirt, shares, shares, shares, shares, shares, shares),
)
def test_any_dirt_leaves_the_good_events_countable(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    persons: int,
    days: int,
    dirt: Dirt,
) -> None:
    directory = tmp_path_factory.mktemp("any")
    spec = SimulationSpec(
        seed=seed, persons=persons, start=date(2027, 12, 20), days=days, dirt=dirt
    )
    result = simulate(spec, directory)
    connection = read_lines(directory) if result.files else duckdb.connect()
    good = (
        one(
            connection,
            f"""select count(distinct event_id) from lines
            where not is_malformed and not is_impossible
            and user_agent <> '{result.truth["dirt"]["bot_user_agent"]}'""",
        )
        if result.files
        else 0
    )
    connection.close()
    assert good == result.event_count
    assert json.loads(json.dumps(result.truth)) == result.truth
