"""Whatever becomes of a vendor's lines: each is landed, skipped or quarantined, once.

Every adapter gets lines of the simulated product in its format, and those of its
fixtures, damaged at random. The whole file lands at once.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingestion.simulator import SimulationSpec, simulate
from ingestion.simulator.vendors import VENDORS
from ingestion.sources.adapters import ADAPTERS
from tests.ingestion.landing_home import new_home, report_of
from tests.ingestion.sources.landed import FIXTURES, home_for
from tests.ingestion.sources.mutations import mutated

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CAMPAIGN_LINES = 100_000


@cache
def sound_lines(format_: str) -> tuple[bytes, ...]:
    """Give lines as a client writes them, without headers."""
    spec = SimulationSpec(persons=30, start=date(2026, 1, 1), days=2, vendor=format_)
    header = VENDORS[format_].header if format_ in VENDORS else None
    with tempfile.TemporaryDirectory() as folder:
        simulate(spec, Path(folder))
        files = [*sorted(Path(folder).iterdir()), *FIXTURES.glob(f"{format_}_*.jsonl")]
        lines = [line for file in files for line in file.read_bytes().splitlines()]
    return tuple(line for line in lines if line != (header or "").encode())


def counted(content: bytes) -> int:
    """Count the lines that are not blank, without any of the code under test."""
    plain = content.removeprefix(b"\xef\xbb\xbf")
    plain = plain.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return sum(1 for line in plain.split(b"\n") if line.strip(b" \t"))


def check(format_: str, lines: list[bytes]) -> None:
    """Land lines as one file and hold its account against what was written."""
    vendor = VENDORS.get(format_)
    header = f"{vendor.header}\n".encode() if vendor and vendor.header else b""
    content = b"\n".join(lines) + b"\n"
    suffix = vendor.suffix if vendor else "jsonl"
    with tempfile.TemporaryDirectory() as folder:
        home = home_for(new_home(Path(folder)), format_).with_options(now=NOW)
        home.write(f"{format_}/a.{suffix}", header + content)
        report = report_of(home.land(), f"{format_}/a.{suffix}")
        assert report.status in ("landed", "empty"), report
        assert report.lines_read == counted(content), report
        assert (
            report.landed + report.skipped + report.quarantined == report.lines_read
        ), report
        if report.landed:
            invalid = home.query(
                "select properties from events where not json_valid(properties) "
                "or json_type(properties) <> 'OBJECT' or event_id is null limit 3"
            )
            assert invalid == []
        if report.quarantined:
            refused = home.refused()
            assert len(refused) == report.quarantined
            assert len({line for _, line, _ in refused}) == len(refused)
            assert {reason for *_, reason in refused}.isdisjoint(
                {"unreadable_file", "truncated_file"}
            )


@pytest.mark.parametrize("format_", sorted(ADAPTERS))
@settings(
    max_examples=2,
    deadline=None,
    # Shrinking lands a file a step; the seed says which file it was.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(random=st.randoms(use_true_random=False), size=st.integers(1, 300))
def test_no_line_is_lost(format_: str, random: Random, size: int) -> None:
    sound = sound_lines(format_)
    check(format_, [mutated(random.choice(sound), random) for _ in range(size)])


@pytest.mark.campaign
@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("format_", sorted(ADAPTERS))
def test_no_line_of_a_hundred_thousand_is_lost(format_: str, seed: int) -> None:
    random, sound = Random(seed), sound_lines(format_)
    check(
        format_, [mutated(random.choice(sound), random) for _ in range(CAMPAIGN_LINES)]
    )
