"""Declared fields at the door: dropped, hashed, encrypted; and nowhere in the lake."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ingestion.events import ALIASES
from ingestion.privacy.keys import KeyRing, read_key_ring
from ingestion.privacy.remembered import remember
from ingestion.privacy.replacements import forget_pseudonyms
from ingestion.quarantine import replay
from tests.ingestion.landing_home import Home, event, new_home
from tests.ingestion.privacy.conftest import (
    KEY_1,
    KEY_2,
    RING_1,
    RING_2,
    files_with,
    plan_of,
    with_plan,
)

MakeHome = Callable[..., Home]
IDS = "personal: {user_id: hash, anonymous_id: hash}"


def ring(setting: str = RING_1) -> KeyRing:
    found = read_key_ring(setting)
    assert found is not None
    return found


def pseudonym(value: str, setting: str = RING_1) -> str:
    return ring(setting).pseudonyms(value)[0]


def landed(home: Home, *rows: object, name: str = "native/a.jsonl") -> dict[str, Any]:
    """Land rows and give the first event, properties read."""
    home.write(name, rows)
    home.land()
    columns = ("user_id", "anonymous_id", "city", "page", "revenue", "properties")
    (first, *_) = home.query(
        f"select {', '.join(columns)} from events order by received_at, event_id"
    )
    one = dict(zip(columns, first, strict=True))
    one["properties"] = json.loads(one["properties"])
    return one


@pytest.mark.parametrize("place", ["city", "note", "$set.note", "deep.er.note"])
def test_drop_hash_and_encrypt(tmp_path: Path, place: str) -> None:
    for action in ("drop", "hash", "encrypt"):
        home = with_plan(
            new_home(tmp_path / action),
            f"personal: {{'{place.rpartition('.')[2]}': {action}}}",
        )
        sent: dict[str, Any] = {"city": "Secret Value"}
        if place != "city":
            inner: Any = "Secret Value"
            for step in reversed(place.split(".")):
                inner = {step: inner}
            sent = {"properties": inner | {"plan": "pro"}}
            if place.startswith("$set"):
                sent = {"traits": inner["$set"], "properties": {"plan": "pro"}}
        found = landed(home, event(1, **sent))
        at: Any = found["city"] if place == "city" else found["properties"]
        for step in () if place == "city" else place.split("."):
            at = at.get(step)
        if action == "drop":
            assert at is None
        elif action == "hash":
            assert at == pseudonym("Secret Value")
        else:
            assert ring().decrypt(at) == "Secret Value"
        if place != "city":
            assert found["properties"]["plan"] == "pro"
        assert files_with(home.lake, ["Secret Value"]) == []


def test_ids_are_one_person_in_every_place(private_home: MakeHome) -> None:
    home = private_home(IDS)
    found = landed(
        home,
        event(
            user_id="ann-id",
            anonymous_id="dev-id",
            distinct_id="ann-id-2",
            user={"id": "ann-id", "name": "A"},
            properties={
                "$ids": ["dev-id", "ann-id", "guest", "other-id"],
                "said": "ann-id",
                "list": [{"who": "dev-id"}],
                "n": 1e-06,
            },
            context={"traits": {"id": "ann-id"}, "os": {"name": "iOS"}},
        ),
    )
    ann, dev = pseudonym("ann-id"), pseudonym("dev-id")
    assert (found["user_id"], found["anonymous_id"]) == (ann, dev)
    properties = found["properties"]
    assert properties["$ids"] == [dev, ann, "guest", pseudonym("other-id")]
    assert properties["said"] == ann
    assert properties["user"] == {"id": ann, "name": "A"}
    assert properties["context"] == {"traits": {"id": ann}, "os": {"name": "iOS"}}
    assert properties["n"] == 1e-06
    assert files_with(home.lake, ["ann-id", "dev-id", "other-id"]) == []


@pytest.mark.parametrize("junk", ["guest", "Anonymous", "0", "undefined"])
def test_texts_that_are_nobody_stay_so(private_home: MakeHome, junk: str) -> None:
    found = landed(private_home(IDS), event(user_id="ann", anonymous_id=junk))
    assert found["anonymous_id"] in (junk, None)


def test_a_rule_of_one_event_is_before_one_of_all(private_home: MakeHome) -> None:
    home = private_home(
        "personal: {note: drop, city: hash}\n"
        "events:\n"
        "  - {name: page_viewed, personal: {note: encrypt, city: keep}, "
        "properties: {note: {type: string}}}\n"
        "  - {name: other, personal: {mail: hash}, properties: {mail: {type: string}}}"
    )
    sent = {"city": "Oslo", "properties": {"note": "n1", "mail": "m1"}}
    home.write(
        "native/a.jsonl", [event(1, **sent), event(2, event_name="other", **sent)]
    )
    home.land()
    rows = {
        name: (city, json.loads(properties))
        for name, city, properties in home.query(
            "select event_name, city, properties from events"
        )
    }
    city, properties = rows["page_viewed"]
    assert (city, properties["mail"]) == ("Oslo", "m1")
    assert ring().decrypt(properties["note"]) == "n1"
    assert rows["other"] == (pseudonym("Oslo"), {"mail": pseudonym("m1")})


def test_a_place_is_that_place_only(private_home: MakeHome) -> None:
    home = private_home("personal: {context.mail: drop}")
    sent = {"mail": "a", "context": {"mail": "b", "deep": {"mail": "c"}}}
    found = landed(home, event(properties=sent | {"context.mail": "d"}))
    assert found["properties"] == {"mail": "a", "context": {"deep": {"mail": "c"}}}


def test_a_field_inside_a_list_takes_the_list_along(private_home: MakeHome) -> None:
    home = private_home("personal: {mail: encrypt}")
    guests = [{"mail": "a@x.com"}, {"mail": "b@x.com", "age": 3}]
    found = landed(home, event(properties={"guests": guests, "plan": "pro"}))
    assert found["properties"]["plan"] == "pro"
    assert json.loads(ring().decrypt(found["properties"]["guests"])) == guests


def test_numbers_and_objects_are_values_too(private_home: MakeHome) -> None:
    home = private_home("personal: {account: hash, address: encrypt, revenue: drop}")
    home_address = {"street": "Main 1", "lines": [1, 2]}
    found = landed(
        home,
        event(
            revenue=12.5, properties={"account": 42, "address": home_address, "a": 0}
        ),
    )
    assert found["revenue"] is None
    assert found["properties"]["account"] == pseudonym("42")
    assert json.loads(ring().decrypt(found["properties"]["address"])) == home_address


def test_names_written_with_escapes_and_twice(private_home: MakeHome) -> None:
    home = private_home("personal: {mail: drop}")
    line = (
        b'{"event_id": "e", "event_name": "a", "occurred_at": "2024-05-01T10:00:00Z", '
        b'"properties": {"m\\u0061il": "one@x", "mail": "two@x", "mail": "three@x", '
        b'"x": {"mail": {"mail": "four@x"}}, "keep": null}}\n'
    )
    home.write("native/a.jsonl", line)
    home.land()
    ((found,),) = home.query("select properties from events")
    assert json.loads(found) == {"x": {}, "keep": None}


def test_what_an_alias_is_called(private_home: MakeHome) -> None:
    home = private_home("personal: {page: hash}")
    found = landed(home, event(url="/u/ann", properties={"page_location": "/u/ann"}))
    assert found["page"] == pseudonym("/u/ann")
    assert found["properties"] == {"page_location": pseudonym("/u/ann")}


def test_rotation_keeps_the_pseudonyms_that_are_known(private_home: MakeHome) -> None:
    home = private_home(IDS)
    landed(home, event(1, user_id="ann", anonymous_id="d1"))
    home = with_plan(home, IDS, RING_2)
    home.write(
        "native/b.jsonl",
        [event(2, user_id="ann", anonymous_id="d2"), event(3, user_id="bob")],
    )
    home.land()
    home = with_plan(home, IDS, f"k3:{'t' * 40},{RING_2}")
    home.write("native/c.jsonl", [event(4, user_id="bob", anonymous_id="d2")])
    home.land()
    old, new = pseudonym("ann"), pseudonym("bob", RING_2)
    assert home.query("select user_id from events order by event_id") == [
        *((old,), (old,), (new,), (new,))
    ]
    assert home.query(
        "select distinct anonymous_id from events where event_id in ('e2', 'e4')"
    ) == [(pseudonym("d2", RING_2),)]


def test_a_key_that_is_gone_makes_new_persons(private_home: MakeHome) -> None:
    home = private_home(IDS)
    landed(home, event(1, user_id="ann"))
    home = with_plan(home, IDS, f"k2:{KEY_2}")
    home.write("native/b.jsonl", [event(2, user_id="ann")])
    home.land()
    assert home.query("select user_id from events order by event_id") == [
        (pseudonym("ann"),),
        (pseudonym("ann", f"k2:{KEY_2}"),),
    ]


def test_a_file_landed_again_gives_the_same_rows(private_home: MakeHome) -> None:
    home = private_home("personal: {user_id: hash, anonymous_id: hash, mail: encrypt}")
    row = event(event_id=None, properties={"mail": "a@x.com"})
    home.write("native/a.jsonl", [row])
    home.land()
    home.write("native/b.jsonl", [row, event(9)])
    home.land()
    assert home.query(
        "select count(*), count(distinct (event_id, user_id, properties)) "
        "from events where event_id <> 'e9'"
    ) == [(2, 1)]


def test_the_id_of_an_event_without_one_does_not_tell_its_content(
    private_home: MakeHome, tmp_path: Path
) -> None:
    row = event(event_id=None, properties={"mail": "a@x.com"})
    plain = new_home(tmp_path / "plain")
    plain.write("native/a.jsonl", [row])
    plain.land()
    home = private_home("personal: {mail: drop}")
    home.write("native/a.jsonl", [row, event(1)])
    home.land()
    ids = {row[0] for row in home.query("select event_id from events")}
    (plain_id,) = plain.query("select event_id from events")[0]
    assert plain_id not in ids
    assert "e1" in ids
    assert len(ids) == 2


def test_refused_lines_are_sealed_and_can_be_replayed(private_home: MakeHome) -> None:
    home = private_home("personal: {mail: hash}\nevents: []\n")
    rows = [
        {"event_name": "a", "user_id": "u", "mail": "ann@x.com", "occurred_at": "x"},
        {"mail": "bob@x.com"},
        event(5, occurred_at="1999-05-01T10:00:00Z", mail="eve@x.com"),
    ]
    content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    home.write("native/a.jsonl", content + b'{"mail": "dan@x.com"\n')
    result = home.land()
    assert result.quarantined == 4
    assert files_with(home.lake, ["ann@x", "bob@x", "eve@x", "dan@x"]) == []
    ((sealed,),) = home.query(
        "select raw_text from quarantine where reason_code = 'malformed_json'"
    )
    assert ring().decrypt(sealed) == '{"mail": "dan@x.com"'
    lower = home.with_options(floor_date=date(1990, 1, 1))
    answered = replay(lower.options, home.sources)
    home.check_books()
    assert (answered.closed, answered.landed, answered.quarantined) == (4, 1, 3)
    ((properties,),) = home.query("select properties from events")
    assert json.loads(properties) == {"mail": pseudonym("eve@x.com")}
    assert files_with(home.lake, ["ann@x", "bob@x", "eve@x", "dan@x"]) == []


def test_neither_key_nor_value_stands_in_any_file(private_home: MakeHome) -> None:
    home = private_home(
        "personal: {user_id: hash, anonymous_id: hash, mail: encrypt, phone: drop}"
    )
    rows = [
        event(
            i,
            user_id=f"user-{i}-name",
            anonymous_id=f"device-{i}-name",
            properties={"mail": f"mail{i}@x.com", "phone": f"+47{i:08}", "n": i},
            traits={"mail": f"mail{i}@x.com"},
        )
        for i in range(500)
    ]
    home.write("native/a.jsonl", rows)
    home.land()
    values = [KEY_1, "-name", "@x.com", "+47", KEY_1.encode().hex()]
    assert files_with(home.lake, values) == []
    assert home.query("select count(distinct user_id) from events") == [(500,)]


def test_without_declarations_nothing_is_rewritten(private_home: MakeHome) -> None:
    home = private_home("personal: {user_id: keep, anonymous_id: keep}", None)
    found = landed(home, event(properties={"mail": "a@x.com"}))
    assert found["user_id"] == "u1"
    assert found["properties"] == {"mail": "a@x.com"}
    assert not list(home.lake.glob("events/load=2*/pseudonyms.parquet"))


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("personal: {user_id: hash}", "go together"),
        ("personal: {user_id: drop, anonymous_id: drop}", "can be hashed or kept"),
        ("personal: {user_id: hash, anonymous_id: keep}", "go together"),
        ("personal: {event_name: hash}", "every event needs it"),
        ("personal: {revenue: hash}", "is a number"),
        ("personal: {'a[0]': hash}", "no name of a field"),
        ("personal: {mail: mask}", "drop"),
        ("events: [{name: a, personal: {user_id: hash}}]", "whole plan"),
    ],
)
def test_declarations_that_cannot_hold(declared: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        plan_of(declared)


def test_personal_data_needs_a_key() -> None:
    with pytest.raises(ValueError, match="DAYBREAK_PERSONAL_KEYS"):
        plan_of("personal: [mail]", None)


SECRETS = st.sampled_from(["Secret One", "secret2@x.com", 'Secret "3"', "Secret\\é\n4"])
NAMES = st.sampled_from(["mail", "Mail", "a", "b.c", "", 'q"', "[0]", "$set", "$ids"])
TREES = st.recursive(
    st.none() | st.integers(-9, 9) | st.just("plain") | st.floats(-5, 5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=4)
    ),
    max_leaves=8,
)


def with_secrets(tree: Any, secret: str) -> Any:
    """Put a secret wherever a declared name stands."""
    if isinstance(tree, list):
        return [with_secrets(one, secret) for one in tree]
    if isinstance(tree, dict):
        return {
            key: secret if key == "mail" else with_secrets(one, secret)
            for key, one in tree.items()
        }
    return tree


@pytest.mark.parametrize("action", ["drop", "hash", "encrypt"])
@given(trees=st.lists(st.tuples(TREES, SECRETS), min_size=1, max_size=20))
@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_declared_value_reaches_the_lake_whatever_the_shape(
    action: str, trees: list[tuple[Any, str]], tmp_path_factory: Any
) -> None:
    declared = f"personal: {{mail: {action}}}"
    home = with_plan(new_home(tmp_path_factory.mktemp("door")), declared)
    rows = [
        event(i, properties={"x": with_secrets(tree, secret), "mail": secret})
        for i, (tree, secret) in enumerate(trees)
    ]
    home.write("native/a.jsonl", rows)
    home.land()
    assert home.query("select count(*) from events") == [(len(rows),)]
    assert files_with(home.lake, ["Secret", "secret2"]) == []
    if action == "hash":
        expected = sorted(pseudonym(secret) for _, secret in trees)
        found = home.query(
            "select json_extract_string(properties, '$.mail') from events"
        )
        assert sorted(row[0] for row in found) == expected


def test_aliases_of_ids_are_what_clients_send() -> None:
    names = {rule.name for rule in plan_of(IDS).fields}
    assert {*ALIASES["user_id"], *ALIASES["anonymous_id"]} <= names


def test_who_was_erased_by_a_pseudonym_does_not_come_back(
    private_home: MakeHome,
) -> None:
    home = private_home(IDS)
    key = b"the key of erasures"
    landed(home, event(1, user_id="ann"), event(2, user_id="bob"))
    hers = (pseudonym("kiosk"), "2024-05-01 09:00:00", "2024-05-01 11:00:00")
    remember(home.lake, key, "one", [pseudonym("ann")], [hers])
    assert forget_pseudonyms(home.lake, [pseudonym("ann")]) == 1
    assert forget_pseudonyms(home.lake, [pseudonym("ann")]) == 0
    home = home.with_options(erasure_key=key)
    home.write(
        "native/b.jsonl",
        [
            event(3, user_id="ann"),
            event(4, user_id="bob"),
            event(5, user_id=None, anonymous_id="d", properties={"$ids": ["ann"]}),
            event(6, user_id=None, anonymous_id="kiosk"),
            event(7, user_id="bob", anonymous_id="kiosk"),
        ],
    )
    result = home.land()
    assert home.query("select event_id from events order by 1") == [
        *(("e1",), ("e2",), ("e4",), ("e7",))
    ]
    report = {one.path: one for one in result.files}["native/b.jsonl"]
    assert (report.landed, report.skipped) == (2, 3)
