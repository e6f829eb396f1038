"""What names a person in a text, what does not, and lines cut out of bytes."""

from __future__ import annotations

import json
from urllib.parse import quote

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.privacy.mentions import Mentions, end_of_lines


def named_in_sql(mentions: Mentions, content: str) -> bool:
    with duckdb.connect() as connection:
        return any(
            connection.execute(
                "select regexp_matches(?, ?)", [content, pattern]
            ).fetchone()
            == (True,)
            for pattern, _ in mentions.sql_patterns
        )


def redacted_in_sql(mentions: Mentions, content: str) -> str:
    with duckdb.connect() as connection:
        for pattern, word in mentions.sql_patterns * 2:
            [(content,)] = connection.execute(
                "select regexp_replace(?, ?, ?, 'g')", [content, pattern, word]
            ).fetchall()
    return content


@pytest.mark.parametrize(
    ("one", "content", "is_named"),
    [
        ("user-77", '{"user_id":"user-77"}', True),
        ("user-77", "user-77", True),
        ("user-77", "from user-77.", True),
        ("user-77", '"two\\nuser-77"', True),
        ("user-77", "/people?id%3Duser-77%26x", True),
        ("user-77", '{"user_id":"user-771"}', False),
        ("user-77", '{"user_id":"user-77-2"}', False),
        ("user-77", "superuser-77", False),
        ("ann@example.com", "mail ANN@Example.com now", True),
        ("ann@example.com", quote("ann@example.com"), True),
        ("Zoë/7", json.dumps("Zoë/7"), True),
        ("Zoë/7", json.dumps("Zoë/7", ensure_ascii=False), True),
        ("Zoë/7", '"Zo\\u00eb\\/7"', True),
        ('a"b<c', json.dumps('a"b<c'), True),
        ('a"b<c', "a&quot;b&lt;c", True),
        ("4711", '{"userId": 4711}', True),
        ("4711", '{"user_id":"4711","x":1}', True),
        ("4711", '{"quantity": 4711}', False),
        ("4711", "4711", False),
        ("u1", '{"distinct_id":"u2","user":"u1"}', True),
        ("u1", "see u1", False),
    ],
)
def test_both_engines_agree_on_what_names_a_person(
    one: str, content: str, is_named: bool
) -> None:
    mentions = Mentions((one,))
    assert mentions.stand_in(content.encode()) == is_named
    assert named_in_sql(mentions, content) == is_named
    replaced, count = mentions.replaced(content.encode())
    assert count == is_named
    assert (b"erased" in replaced) == is_named
    assert ("erased" in redacted_in_sql(mentions, content)) == is_named


def test_neighbours_are_replaced_too() -> None:
    mentions = Mentions(("user-77", "user-78"))
    content = "user-77,user-77,user-78 user-77"
    assert redacted_in_sql(mentions, content) == "erased,erased,erased erased"
    assert mentions.replaced(content.encode()) == (b"erased,erased,erased erased", 4)


def test_short_ids_are_whole_fields_of_csv() -> None:
    mentions = Mentions(("7",))
    content = b"user,quantity\n7,1\n17,1\n8,70\n8,2\n"
    assert mentions.without_lines(content, fields=True) == (
        b"user,quantity\n17,1\n8,70\n8,2\n",
        1,
    )


def test_a_line_of_csv_may_break_inside_quotes() -> None:
    mentions = Mentions(("user-77",))
    content = (
        b'id,note\nuser-1,"a\nb"\nuser-77,"c\nd"\nuser-2,"e ""user-77""\nf"\nuser-3,g'
    )
    kept, cut = mentions.without_lines(content, fields=True)
    assert (kept, cut) == (b'id,note\nuser-1,"a\nb"\nuser-3,g', 2)
    assert end_of_lines(b'a,"b\nc"\nd,"e\n', fields=True) == len(b'a,"b\nc"\n')


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["user-77", "user-771", "other"]), st.text(max_size=5)
        ),
        max_size=12,
    ),
    st.booleans(),
)
def test_exactly_the_lines_that_name_the_person_go(
    rows: list[tuple[str, str]], ends_with_newline: bool
) -> None:
    lines = [json.dumps({"user_id": one, "note": note}).encode() for one, note in rows]
    end = b"\n" if ends_with_newline and lines else b""
    kept, cut = Mentions(("user-77",)).without_lines(
        b"\n".join(lines) + end, fields=False
    )
    theirs = [one == "user-77" for one, _ in rows]
    assert cut == sum(theirs)
    assert kept.splitlines() == [
        line for line, is_theirs in zip(lines, theirs, strict=True) if not is_theirs
    ]
