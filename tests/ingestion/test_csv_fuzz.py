"""A CSV export with damaged rows: the rows around them land, and all are accounted for.

Quotes and line ends are what goes wrong in CSV. A quote that never closes takes the
rows after it along, into quarantine with their text; nothing else may.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.ingestion.landing_home import Home, new_home, report_of, sources_of
from tests.ingestion.sources.mutations import byte_changed, cut_off, doubled

HEADER = b"day,customer,price,note"
SOURCES = """
sources:
  - name: shop
    format: table
    reader: {format: csv}
    event_name: "'bought'"
    occurred_at: {column: day}
    columns: {user_id: customer, revenue: price}
"""
GOOD = b"2024-05-01,u1,5.0,plain"
NOTES = (
    b"plain",
    b"",
    b'"a, b"',
    b'"x ""y"" \xc3\xa9"',
    b'"two\nlines"',
    b'"two\r\nl"',
)
WRONG_QUOTES = b'2024-05-01,u1,5.0,"a"b'
CAMPAIGN_ROWS = 100_000


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return shop(tmp_path)


def shop(root: Path) -> Home:
    """Give a home whose source `shop` is a CSV export."""
    return replace(new_home(root), sources=sources_of(SOURCES))


def row(i: int, random: Random) -> bytes:
    """Give a row, damaged in one case of three."""
    line = b"2024-05-01,u%d,5.0,%s" % (i, random.choice(NOTES))
    if random.randrange(3):
        return line
    return random.choice((byte_changed, cut_off, doubled))(line, random)


def check(rows: list[bytes], end: bytes) -> None:
    """Land rows as one file: all of it has a verdict, in a place of its own."""
    with tempfile.TemporaryDirectory() as folder:
        home = shop(Path(folder))
        home.write("shop/a.csv", end.join([HEADER, *rows, b""]))
        report = report_of(home.land(), "shop/a.csv")
        assert report.status == "landed", report
        account = report.landed + report.skipped + report.quarantined
        assert account == report.lines_read, report
        assert report.landed >= first_damage(rows), report
        if report.quarantined:
            assert len(home.refused()) == report.quarantined


def first_damage(rows: list[bytes]) -> int:
    """Give the place of the first row that is not as a shop writes it."""
    for i, line in enumerate(rows):
        if line not in {b"2024-05-01,u%d,5.0,%s" % (i, note) for note in NOTES}:
            return i
    return len(rows)


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    random=st.randoms(use_true_random=False),
    size=st.integers(1, 200),
    end=st.sampled_from([b"\n", b"\r\n"]),
)
def test_no_row_is_lost(random: Random, size: int, end: bytes) -> None:
    check([GOOD.replace(b"u1", b"u0"), *(row(i, random) for i in range(1, size))], end)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(CAMPAIGN_ROWS // 500))
def test_no_row_of_a_hundred_thousand_is_lost(seed: int) -> None:
    random = Random(seed)
    rows = [GOOD.replace(b"u1", b"u0"), *(row(i, random) for i in range(1, 500))]
    check(rows, random.choice((b"\n", b"\r\n")))


@pytest.mark.parametrize("odd_end", [b"\r", b"\r\n"])
def test_one_odd_line_end_does_not_refuse_the_file(home: Home, odd_end: bytes) -> None:
    content = b"\n".join([HEADER, GOOD, GOOD]) + odd_end + GOOD + b"\n"
    home.write("shop/a.csv", content)
    report = report_of(home.land(), "shop/a.csv")
    assert (report.status, report.landed, report.quarantined) == ("landed", 3, 0)


def test_rows_after_a_wrongly_quoted_one_land(home: Home) -> None:
    home.write("shop/a.csv", b"\n".join([HEADER, GOOD, WRONG_QUOTES, GOOD, GOOD, b""]))
    report = report_of(home.land(), "shop/a.csv")
    assert (report.landed, report.quarantined) == (3, 1)
    assert home.refused() == [("shop/a.csv", 3, "malformed_row")]


def test_rows_keep_their_numbers_beside_bytes_that_are_no_text(home: Home) -> None:
    short, foreign = b"2024-05-01,u1,5.0", GOOD.replace(b"u1", b"\xff")
    dear = GOOD.replace(b"5.0", b"dear")
    home.write("shop/a.csv", b"\n".join([HEADER, GOOD, foreign, short, dear, b""]))
    home.land()
    assert home.refused() == [
        ("shop/a.csv", 3, "bad_encoding"),
        ("shop/a.csv", 4, "wrong_column_count"),
        ("shop/a.csv", 5, "invalid_amount"),
    ]
