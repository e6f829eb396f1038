"""Whatever bytes arrive: every line is landed, skipped or quarantined, once."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ingestion.landing_home import event, lines, new_home, report_of

GOOD = st.integers(0, 50).map(lambda i: lines([event(i, **{f"k{i % 5}": i})])[:-1])
BAD = st.sampled_from(
    [
        *(b"{}", b"[1]", b"null", b'{"event":"a"}', b'{"event":"a","ts":1}', b"{,"),
        *(
            b"\xff",
            b'{"a":"\xe9"}',
            b"\x00",
            b"\xef\xbb\xbf",
            b"\x1f\x1e\x1d\x1c",
            b'"',
        ),
        *("\U0010ffff".encode(), b"{}\xf4\x8f\xbf\xbf{", "\U0010fffe".encode()),
        *(b" ", b"", b"", b"\t"),
    ]
)
LINES = st.lists(st.one_of(GOOD, BAD, st.binary(max_size=30)), max_size=12)
ENDS = st.sampled_from([[b"\n"], [b"\r\n"], [b"\r"], [b"\n", b"\r\n"]])


def counted(content: bytes) -> int:
    """Count the lines that are not blank, without any of the code under test."""
    plain = content.removeprefix(b"\xef\xbb\xbf")
    plain = plain.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return sum(1 for line in plain.split(b"\n") if line.strip(b" \t"))


@settings(max_examples=40, deadline=None)
@given(rows=LINES, ends=ENDS, last=st.booleans(), data=st.data())
def test_lines_read_are_lines_landed_and_quarantined(
    rows: list[bytes], ends: list[bytes], last: bool, data: st.DataObject
) -> None:
    content = b""
    for i, row in enumerate(rows):
        content += row
        if last or i < len(rows) - 1:
            content += data.draw(st.sampled_from(ends))
    with tempfile.TemporaryDirectory() as folder:
        home = new_home(Path(folder))
        home.write("native/a.jsonl", content)
        home.write("native/b.jsonl", [event(99)])
        report = report_of(home.land(), "native/a.jsonl")
        expected = counted(content)
        assert report.lines_read == expected, content
        assert report.lines_read == report.landed + report.quarantined
        if expected and report.sha256:
            assert report.status == "landed"
        refused = [row for row in home.refused() if row[0] == "native/a.jsonl"]
        assert len(refused) == report.quarantined
        assert len({row[1] for row in refused}) == len(refused)


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(12)), cuts=st.sets(st.integers(1, 11), max_size=4))
def test_no_split_into_files_and_loads_changes_what_lands(
    order: list[int], cuts: set[int]
) -> None:
    """Events without ids too: their ids come of their content, not of their place."""
    rows = [
        {"event": "a", "ts": 1714557600 + i // 2, "user_id": f"u{i % 4}"}
        for i in range(12)
    ]
    content = "select count(*), md5(string_agg(r, '' order by r)) from (select {} as r"
    columns = "events.event_id || occurred_at || user_id || properties"
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for name, sequence, edges in (
            ("one", list(range(12)), []),
            ("many", order, sorted(cuts)),
        ):
            home = new_home(Path(folder) / name)
            for i, (start, end) in enumerate(
                zip([0, *edges], [*edges, 12], strict=True)
            ):
                home.write(f"native/{i}.jsonl", [rows[j] for j in sequence[start:end]])
                if i % 2:
                    home.land()
            home.land()
            found.append(home.query(f"{content.format(columns)} from events)"))
        assert found[0] == found[1]
