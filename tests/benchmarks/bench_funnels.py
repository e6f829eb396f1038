"""What a funnel costs, as multiples of a plain scan measured in the same run.

    python -m tests.benchmarks.bench_funnels [--events 10000000] [--home DIR]

Simulates a product, copies its persons until there are enough events, and measures
processor seconds of one DuckDB, the best of several runs each:

- the scan: `select event_name, count(*) ... group by event_name`;
- a four-step funnel as dbt compiles it from the catalog, to the number of attempts at
  each step: at most 20x the scan at 50 million events;
- the same stored as a table, one row per attempt;
- the self-join of the open dbt packages, which joins every later event of the next
  step to every attempt: the same figures;
- all of it again with one busy person more, who has each step 250 times in a day: a
  self-join grows with the fourth power of that.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import gettempdir

import duckdb

from tests.benchmarks.simulated_copies import (
    build,
    connect,
    copy_events,
    count_of,
    cpu,
    over_copies,
)

MODEL = Path("models/intermediate/funnels/int_funnel_attempts.sql")
WINDOW = "7 days"
STEPS = ("course_viewed", "course_started", "checkout_started", "purchase_completed")
BUSY = 250


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument(
        "--home", type=Path, default=Path(gettempdir(), "daybreak-funnels")
    )
    options = parser.parse_args()
    query = compiled_funnel(options.home)
    with connect(options.home) as connection:
        copy_events(connection, options.events)
        connection.execute(
            "create or replace table person_keys as"
            " select distinct person_key, person_id from events"
            " where person_id is not null"
        )
        report(connection, query)
        add_busy_person(connection)
        print("with a busy person:")
        report(connection, query)


def report(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    scan = cpu(connection, "select event_name, count(*) from events group by all")
    print(f"{count_of(connection, 'events'):,} events; scan {scan:.3f} s")
    levels = f"select reached_step, count(*) from ({query}) group by all order by all"
    for label, statement in (
        ("funnel, attempts by step", levels),
        ("funnel, attempts stored", f"create or replace table stored as {query}"),
        ("self-join, attempts by step", self_join()),
    ):
        seconds = cpu(connection, statement)
        print(f"{label:30} {seconds:7.2f} s  {seconds / scan:6.1f}x the scan")
    same = (
        connection.execute(levels).fetchall()
        == connection.execute(self_join()).fetchall()
    )
    print("both give the same figures" if same else "THE FIGURES DIFFER")


def compiled_funnel(home: Path) -> str:
    """Give the SQL that dbt writes for the funnel."""
    steps = "".join(
        f"      - {{name: {step}, any_of: [{{event: {step}}}]}}\n" for step in STEPS
    )
    funnels = f"funnels:\n  - name: four_steps\n    window: {WINDOW}\n    steps:\n"
    compiled = build(home, {"funnels.yml": funnels + steps}, ["+int_funnel_attempts"])
    return over_copies(
        (compiled / MODEL).read_text(),
        {"int_events": "events", "int_person_keys": "person_keys"},
    )


def add_busy_person(connection: duckdb.DuckDBPyConnection) -> None:
    """Add one person whose steps follow each other all day."""
    names = ", ".join(f"'{step}'" for step in STEPS)
    connection.execute(
        f"""
        insert into events by name
        select
            [{names}][1 + number % {len(STEPS)}] as event_name,
            'busy-' || number as event_id,
            'busy' as person_id,
            -1 as person_key,
            timestamp '2026-02-01' + number * interval '1' minute as occurred_at,
            date '2026-02-01' as event_date,
            false as is_bot,
            false as is_internal
        from range({len(STEPS) * BUSY}) as events (number)
        """
    )
    connection.execute("insert into person_keys values (-1, 'busy')")


def self_join() -> str:
    """Each attempt with every event of the next step in the window, and so on."""
    joins, times = "", ["step_1.occurred_at"]
    for number, step in enumerate(STEPS[1:], start=2):
        here, before = f"step_{number}", f"step_{number - 1}"
        times.append(f"{here}.occurred_at")
        joins += f"""
            left join events as {here}
                on {here}.person_id = step_1.person_id
                and {here}.event_name = '{step}'
                and not {here}.is_bot and not {here}.is_internal
                and {here}.occurred_at >= {before}.occurred_at
                and {here}.occurred_at <= step_1.occurred_at + interval '{WINDOW}'"""
    reached = " + ".join(f"({time} is not null)::int" for time in times)
    return f"""
        select reached_step, count(*) from (
            select max({reached}) as reached_step
            from events as step_1 {joins}
            where step_1.event_name = '{STEPS[0]}' and step_1.person_id is not null
                and not step_1.is_bot and not step_1.is_internal
            group by step_1.person_id, step_1.occurred_at
        ) group by all order by all
    """


if __name__ == "__main__":
    main()
