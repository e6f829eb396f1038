"""Raw days expire, the books stay true, and no late row opens an expired day."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from ingestion.lake import open_lake
from ingestion.privacy import retention
from ingestion.privacy.retention import (
    Retained,
    RetentionError,
    first_day_kept,
    forget,
    read_periods,
    retain,
)
from ingestion.quarantine import reconcile
from tests.ingestion.landing_home import NOW, Home, event

LANDED_ON = NOW.date()


def on_day(day: int) -> dict[str, object]:
    return event(day, occurred_at=f"2024-05-{day:02d}T10:00:00Z")


def retained(
    home: Home, today: date, *, dry_run: bool = False, **periods: int
) -> Retained:
    with open_lake(home.lake) as lake:
        return retain(
            *(lake, home.options.landing_dir, periods, today),
            taken_in=lake.load_ids()[-1],
            dry_run=dry_run,
        )


def with_twenty_days(home: Home) -> Home:
    home.write("app/a.jsonl", [on_day(day) for day in range(1, 11)] + [{"bad": 1}])
    home.write("app/b.jsonl", [on_day(day) for day in range(5, 21)])
    home.with_options(load_bytes=1).land()
    return home


def test_days_expire_and_the_books_stay_true(home: Home) -> None:
    with_twenty_days(home)
    for dry_run in (True, False):
        done = retained(home, date(2024, 5, 21), events=14, dry_run=dry_run)
        assert done == Retained({"events": 8}, 0, {"events": date(2024, 5, 7)})
    home.check_books()
    assert home.query("select min(date), count(*) from events") == [
        (date(2024, 5, 7), 18)
    ]
    assert reconcile(home.lake).erased == 8
    assert not list(home.lake.glob("events/load=2*/date=2024-05-0[1-6]"))
    again = retained(home, date(2024, 5, 21), events=14)
    assert again.rows == {"events": 0}
    assert first_day_kept(home.lake, "events") == date(2024, 5, 7)


def test_a_late_row_for_an_expired_day_goes_to_quarantine(home: Home) -> None:
    with_twenty_days(home)
    retained(home, date(2024, 5, 21), events=14)
    home.write("app/late.jsonl", [on_day(6), on_day(7) | {"event_id": "late"}])
    home.land()
    assert home.query("select count(*) from events where event_id = 'late'") == [(1,)]
    assert ("app/late.jsonl", 1, "before_floor") in home.refused()


def test_a_longer_period_later_does_not_open_expired_days(home: Home) -> None:
    with_twenty_days(home)
    retained(home, date(2024, 5, 21), events=14)
    retained(home, date(2024, 5, 21), events=100)
    assert first_day_kept(home.lake, "events") == date(2024, 5, 7)


def test_old_quarantine_and_landed_files_go(home: Home) -> None:
    with_twenty_days(home)
    waiting = home.write("app/new.jsonl", [on_day(20)])
    for path in home.options.landing_dir.rglob("*.jsonl"):
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    at_the_limit = LANDED_ON + timedelta(days=30)
    assert retained(home, at_the_limit, quarantine=30, landing=30).landing_files == 0
    done = retained(home, at_the_limit + timedelta(days=1), quarantine=30, landing=30)
    assert (done.rows, done.landing_files) == ({"quarantine": 1}, 2)
    assert home.refused() == []
    # What has not landed yet is no copy of anything.
    assert list(home.options.landing_dir.rglob("*.jsonl")) == [waiting]
    home.check_books()
    assert home.land().landed == 1


@pytest.mark.parametrize("step", range(6))
def test_a_call_that_breaks_off_is_finished_by_the_next(
    home: Home, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """The process ends before its n-th removal or manifest, nothing tidied up."""

    class Killed(BaseException):
        pass

    with_twenty_days(home)
    later = LANDED_ON + timedelta(days=40)
    calls = 0

    def counting(real: Callable[..., object]) -> object:
        def wrapped(*arguments: object) -> object:
            nonlocal calls
            calls += 1
            if calls > step:
                raise Killed
            return real(*arguments)

        return wrapped

    monkeypatch.setattr(retention, "write_manifest", counting(retention.write_manifest))
    monkeypatch.setattr(retention.shutil, "rmtree", counting(retention.shutil.rmtree))
    with pytest.raises(Killed):
        retained(home, later, events=45, quarantine=30)
    monkeypatch.undo()
    retained(home, later, events=45, quarantine=30)
    home.check_books()
    assert (
        reconcile(home.lake).erased
        == 1
        + reconcile(home.lake).lines_read
        - 1
        - (home.query("select count(*) from events")[0][0])
    )
    first_day = later - timedelta(days=45)
    assert home.query(
        "select min(date) >= ? from events".replace("?", f"'{first_day}'")
    )
    assert home.refused() == []


def test_expired_days_can_be_forgotten_and_are_protected_anew(home: Home) -> None:
    assert forget(home.lake, "events") is None
    with_twenty_days(home)
    retained(home, date(2024, 5, 21), events=14)
    marks = home.lake / retention.FOLDER
    assert max(path.name for path in marks.iterdir()) == "events=2024-05-07"
    assert forget(home.lake, "events") == date(2024, 5, 7)
    assert max(path.name for path in marks.iterdir()).endswith(".forgotten")
    assert first_day_kept(home.lake, "events") == date(2024, 5, 7)
    retained(home, date(2024, 5, 23), events=14)
    assert max(path.name for path in marks.iterdir()) == "events=2024-05-09"


def test_periods_are_read_or_refused() -> None:
    assert read_periods(" events=400, quarantine=30 ") == {
        "events": 400,
        "quarantine": 30,
    }
    assert read_periods("") == {}
    for text, message in (
        ("event=3", "no raw data that can expire"),
        ("payments=3", "history would go"),
        ("events=0", "number of days"),
        ("events", "number of days"),
    ):
        with pytest.raises(RetentionError, match=message):
            read_periods(text)


def test_nothing_is_marked_before_anything_expires(home: Home, tmp_path: Path) -> None:
    with_twenty_days(home)
    assert retained(home, date(2024, 5, 21), events=400).rows == {"events": 0}
    assert first_day_kept(home.lake, "events") is None
