"""The language of expressions: what is refused, and that meaning survives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext

import duckdb
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.catalog import (
    EVENT_COLUMNS,
    LANDED_COLUMNS,
    ExpressionError,
    compile_expression,
)
from ingestion.catalog.functions import ALLOWED_FUNCTIONS, PROPERTY_FUNCTIONS

Connection = duckdb.DuckDBPyConnection


def compiled(text: str, kind: str = "scalar", dialect: str = "duckdb") -> str:
    return compile_expression(
        text,
        columns=EVENT_COLUMNS,
        kind=kind,  # type: ignore[arg-type]
        dialect=dialect,
    ).sql


def values(connection: Connection, sql: str) -> list[object]:
    rows = connection.execute(f"select {sql} from events order by event_id").fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("text", "message", "offset", "suggestion"),
    [
        ("", "empty", 0, None),
        ("  -- nothing", "empty", 0, None),
        ("platfrm = 'web'", "`platfrm` is not a column", 0, "platform"),
        ("revenue > 0 and contry = 'US'", "`contry` is not a column", 16, "country"),
        ("plan = 'pro'", "property('plan')", 0, None),
        ("lowr(platform)", "`lowr` is not a function", 0, "lower"),
        ("1 + substrng(page, 1)", "`substrng` is not a function", 4, "substring"),
        ("1; drop table events", "`;` is not allowed", 1, None),
        ("platform;", "`;` is not allowed", 8, None),
        ("drop table events", "begins a statement", 0, None),
        ("select 1", "begins a statement", 0, None),
        ("install httpfs", "begins a statement", 0, None),
        ("attach 'x.db' as x", "begins a statement", 0, None),
        ("platform -- the client", "comment", 0, None),
        ("platform /* the client */", "comment", 0, None),
        ("/* the client */ platform", "comment", 17, None),
        ("(select 1)", "subquery", 8, None),
        ("platform in (select 1)", "subquery", 20, None),
        ("exists (select 1)", "`exists` is not a function", 0, None),
        ("count(*)", "many rows", 0, None),
        ("sum(revenue) / 2", "many rows", 0, None),
        ("row_number() over ()", "other rows", 0, None),
        ("lower(platform) over ()", "other rows", 16, None),
        ("abs(value) filter (where true)", "many rows", 11, None),
        ("read_csv('/etc/passwd')", "reads files", 0, None),
        ("\"read_csv\"('/etc/passwd')", "reads files", 0, None),
        ("main.read_csv('/etc/passwd')", "reads files", 5, None),
        ("read_text('x') is null", "reads files", 0, None),
        ("getenv('HOME')", "reads files or settings", 0, None),
        ("now()", "clock", 0, None),
        ("occurred_at > current_date", "clock", 14, None),
        ("random() < 0.5", "another answer", 0, None),
        ("ln(value)", "out of its range", 0, None),
        ("strptime(page, '%Y')", "try_strptime", 0, None),
        ("unnest([1, 2])", "`unnest` is not a function", 0, None),
        ("columns('.*')", "`columns` is not a function", 0, None),
        ("[1, 2]", "`[` is not allowed", 0, None),
        ("{'a': 1}", "`{` is not allowed", 0, None),
        ("value // 2", "`//` is not allowed", 6, None),
        ("page ~ 'x'", "regexp_matches", 5, None),
        ("properties ->> 'plan'", "property('name')", 11, None),
        ("? = platform", "`?` is not allowed", 0, None),
        ("$1 = platform", "`$` is not allowed", 0, None),
        ("platform, country", "SQL not understood at `,`", 8, None),
        ("platform as p", "SQL not understood at `as`", 9, None),
        ("platform = = 'x'", "SQL not understood", 11, None),
        ("platform = 'web", "never closed", 0, None),
        ("(platform", "SQL not understood", 1, None),
        ("*", "`*` is not a value", 0, None),
        ("(platform, country)", "not one value", 1, None),
        ("events.platform", "has a dot", 7, None),
        ("$$text$$", "not part of a plain expression", 0, None),
        ("E'a'", "not part of a plain expression", 0, None),
        ("platform collate nocase", "not part of a plain expression", 0, None),
        ("occurred_at at time zone 'UTC'", "not part of a plain expression", 0, None),
        ("value::json", "not a type", 0, None),
        ("value::int[]", "`[` is not allowed", 10, None),
        ("platform = page = country", "put brackets around", 0, None),
        ("occurred_at + interval value day", "interval '7' day", 23, None),
        ("interval platform + 1 page = page", "interval '7' day", 9, None),
        (". 1.5", "is not a number", 0, None),
        ("1e999", "is not a number", 0, None),
        ("platform is country", "else write `=`", 12, None),
        ("property(platform)", "single quotes", 0, None),
        ("property('a', 'b')", "single quotes", 0, None),
        ("property('a\"b')", "not a property name", 0, None),
        ("property('a..b')", "not a property name", 0, None),
        ("property('*')", "not a property name", 0, None),
        ("(" * 60 + "1" + ")" * 60, "levels deep", 40, None),
        ("not " * 900 + "true", "levels deep", 160, None),
        ("- " * 900 + "1", "levels deep", 80, None),
        ("1" + " + 1" * 3_000, "longer than", 0, None),
        ("'" + "x" * 20_000 + "'", "longer than", 0, None),
    ],
)
def test_refuses_with_place_and_cure(
    text: str, message: str, offset: int, suggestion: str | None
) -> None:
    with pytest.raises(ExpressionError) as caught:
        compiled(text)
    assert message in caught.value.message
    assert caught.value.offset == offset
    assert caught.value.suggestion == suggestion


@pytest.mark.parametrize(
    "text", ["platform", "'web'", "value + 1", "property('plan')", "null", "-value"]
)
def test_a_condition_must_be_yes_or_no(text: str) -> None:
    with pytest.raises(ExpressionError, match="yes/no condition"):
        compiled(text, kind="condition")


@pytest.mark.parametrize(
    "text",
    [
        "platform = 'web'",
        "(platform = 'web')",
        "not platform is null",
        "true",
        "property_boolean('trial')",
        "coalesce(property_boolean('trial'), false)",
        "contains(page, '/a')",
        "platform like 'w%' escape '!'",
        "value between 1 and 2",
    ],
)
def test_conditions(text: str, event_table: Connection) -> None:
    assert set(values(event_table, compiled(text, "condition"))) <= {True, False, None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("property('plan')", ["pro", None, None, None, None]),
        ("property('cart.size')", [None, None, None, "3", None]),
        ("property('$set.role')", [None, None, None, None, "x"]),
        (
            "property_number('amount')",
            [Decimal("1.1"), None, None, None, Decimal("0.1")],
        ),
        ("property_boolean('trial')", [None, None, None, True, False]),
        ("person_property('role')", ["author"] * 5),
        ("cast(platform as integer)", [None] * 5),
        ("platform::date", [None] * 5),
        ("revenue / value", [5.25, None, None, -3 / 7, 0.0]),
        ("mod(value + 1, 3)", [0, 1, None, 2, 2]),
        ("if(value > 1, 'many', 'few')", ["many", "few", "few", "many", "few"]),
        ("event_name = 'it''s odd'", [False, False, False, False, True]),
        ("event_id not in ('e1', 'e2')", [False, False, True, True, True]),
        ("extract(day from occurred_at)", [10, 10, 10, 10, 10]),
        ("'x;--/*' || event_id", [f"x;--/*e{n}" for n in range(1, 6)]),
    ],
)
def test_values_in_duckdb(
    text: str, expected: list[object], event_table: Connection
) -> None:
    assert values(event_table, compiled(text)) == expected


def test_tells_what_it_reads() -> None:
    found = compile_expression(
        "Platform = 'web' and person_property('role') = property('role')",
        columns=EVENT_COLUMNS,
        kind="condition",
    )
    assert found.columns == {"platform", "properties", "person_properties"}
    assert found.uses_person_properties
    plain = compile_expression("platform", columns=EVENT_COLUMNS, kind="scalar")
    assert not plain.uses_person_properties


SAMPLES = {
    "cast": "try_cast(value as varchar)",
    "try_cast": "try_cast(page as integer)",
    "coalesce": "coalesce(platform, 'none')",
    "ifnull": "ifnull(platform, 'none')",
    "nullif": "nullif(platform, 'web')",
    "if": "if(value > 1, 1, 2)",
    "greatest": "greatest(value, revenue)",
    "least": "least(value, revenue)",
    "concat": "concat(platform, '-', event_id)",
    "concat_ws": "concat_ws('-', platform, event_id)",
    "contains": "contains(event_name, 'page')",
    "ends_with": "ends_with(event_name, 'ed')",
    "left": "left(event_name, 2)",
    "length": "length(event_name)",
    "lower": "lower(event_name)",
    "ltrim": "ltrim(event_name, 'p')",
    "md5": "md5(event_name)",
    "position": "position('e' in event_name)",
    "replace": "replace(event_name, '_', ' ')",
    "reverse": "reverse(event_name)",
    "right": "right(event_name, 2)",
    "rtrim": "rtrim(event_name, 'd')",
    "split_part": "split_part(event_name, '_', 2)",
    "starts_with": "starts_with(event_name, 'page')",
    "strpos": "strpos(event_name, '_')",
    "substr": "substr(event_name, 2, 3)",
    "substring": "substring(event_name from 2 for 3)",
    "trim": "trim(both 'p' from event_name)",
    "upper": "upper(event_name)",
    "regexp_extract": "regexp_extract(event_name, '([a-z]+)_([a-z]+)', 2)",
    "regexp_matches": "regexp_matches(event_name, 'PAGE', 'i')",
    "regexp_replace": "regexp_replace(event_name, '[aeiou]', '-', 'g')",
    "abs": "abs(revenue)",
    "ceil": "ceil(revenue)",
    "ceiling": "ceiling(revenue)",
    "floor": "floor(revenue)",
    "mod": "mod(value + 1, 3)",
    "round": "round(revenue, 0)",
    "sign": "sign(revenue)",
    "date_diff": "date_diff('hour', occurred_at, timestamp '2024-03-12 01:02:03')",
    "datediff": "datediff('day', occurred_at, timestamp '2024-03-12 01:02:03')",
    "date_part": "date_part('hour', occurred_at)",
    "date_trunc": "date_trunc('week', occurred_at)",
    "extract": "extract(hour from occurred_at)",
    "epoch": "epoch(occurred_at)",
    "year": "year(occurred_at)",
    "quarter": "quarter(occurred_at)",
    "month": "month(occurred_at)",
    "day": "day(occurred_at)",
    "dayofweek": "dayofweek(occurred_at)",
    "isodow": "isodow(occurred_at)",
    "dayofyear": "dayofyear(occurred_at)",
    "hour": "hour(occurred_at)",
    "minute": "minute(occurred_at)",
    "second": "second(occurred_at)",
    "strftime": "strftime(occurred_at, '%Y-W%V %H:%M')",
    "try_strptime": "try_strptime('2024-01-0' || value::varchar, '%Y-%m-%d')",
}


def test_every_allowed_function_has_a_sample() -> None:
    assert set(SAMPLES) == ALLOWED_FUNCTIONS - set(PROPERTY_FUNCTIONS)


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES.keys())
def test_compiled_function_means_the_same(text: str, event_table: Connection) -> None:
    assert values(event_table, compiled(text)) == values(event_table, text)


@pytest.mark.parametrize("text", SAMPLES.values(), ids=SAMPLES.keys())
def test_spark_compiles_or_says_no(text: str) -> None:
    refusal, sql = "", ""
    try:
        sql = compiled(text, dialect="spark")
    except ExpressionError as error:
        refusal = error.message
    if refusal:
        assert "on spark" in refusal
    else:
        assert sqlglot.parse_one(sql, dialect="spark").sql("spark")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("property('plan')", "get_json_object(properties, '$.plan')"),
        ("property('cart.size')", "get_json_object(properties, '$.cart.size')"),
        (
            "property_number('amount')",
            "TRY_CAST(get_json_object(properties, '$.amount') AS DECIMAL(18, 6))",
        ),
        ("cast(page as integer)", "TRY_CAST(page AS INT)"),
        ("'it''s' || page", r"'it\'s' || page"),
    ],
)
def test_spark_sql(text: str, expected: str) -> None:
    sql = compiled(text, dialect="spark")
    assert sql == expected
    assert sqlglot.parse_one(sql, dialect="spark").sql("spark").lower() == sql.lower()


@pytest.mark.parametrize(
    "text",
    ["regexp_replace(page, 'a', 'b')", "isodow(occurred_at)", SAMPLES["date_diff"]],
)
def test_spark_refuses_what_would_mean_something_else(text: str) -> None:
    with pytest.raises(ExpressionError, match="something else on spark"):
        compiled(text, dialect="spark")


def test_an_unknown_dialect_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="'oracle'"):
        compiled("1", dialect="oracle")


class TestColumnsOfFiles:
    """`columns=None`: a table source, whose columns nobody knows yet."""

    @pytest.mark.parametrize(
        ("text", "sql"),
        [
            # Unquoted, `user` is a function of DuckDB that gives its own user.
            ("user", '"user"'),
            ('"Customer ID"', '"Customer ID"'),
            ("order", '"order"'),
            ("song.artist", '"song"."artist"'),
            ("'next_song'", "'next_song'"),
            (
                "file_name || ':' || line_number",
                '"file_name" || \':\' || "line_number"',
            ),
        ],
    )
    def test_quotes_every_name(self, text: str, sql: str) -> None:
        assert compile_expression(text, columns=None, kind="scalar").sql == sql

    def test_admits_a_bare_column_as_condition(self) -> None:
        found = compile_expression("is_valid", columns=None, kind="condition")
        assert found.sql == '"is_valid"'

    @pytest.mark.parametrize("name", PROPERTY_FUNCTIONS)
    def test_has_no_properties_yet(self, name: str) -> None:
        with pytest.raises(ExpressionError, match="name the file's column"):
            compile_expression(f"{name}('x')", columns=None, kind="scalar")


FRAGMENTS = st.sampled_from(
    [
        *("platform", "revenue", "value", "occurred_at", "nope", '"platform"', "user"),
        *("'web'", "'it''s'", "'", '"', "1", "0", "1.5", "null", "true", "$$", "E'a'"),
        *("=", "<>", "<", "+", "-", "*", "/", "//", "%", "||", "::int", "~", "->>"),
        *("(", ")", ",", ".", ";", "--", "/*", "*/", "\n", "[", "]", "{", "}", "?"),
        *("and", "or", "not", "in", "is", "like", "between", "case", "when", "then"),
        *("else", "end", "as", "from", "where", "select", "union", "over", "limit"),
        *("property('plan')", "property_number('amount')", "lower(", "coalesce("),
        *("count(", "read_csv(", "(select 1)", "drop table events", "cast(", "as int)"),
        *(
            "interval",
            "day",
            "date",
            "extract(hour from",
            "exists",
            "unnest(",
            "attach",
        ),
    ]
)
RANDOM_TEXT = st.lists(FRAGMENTS | st.text(max_size=4), max_size=14).map(" ".join)
SPOILT_SAMPLE = st.builds(
    lambda text, place, fragment: f"{text[:place]} {fragment} {text[place:]}",
    st.sampled_from(sorted(SAMPLES.values())),
    st.integers(min_value=0, max_value=70),
    FRAGMENTS,
)


@settings(max_examples=600, deadline=None)
@given(
    text=RANDOM_TEXT | SPOILT_SAMPLE,
    columns=st.sampled_from([tuple(LANDED_COLUMNS), None]),
)
def test_what_is_accepted_is_one_expression(
    text: str, columns: tuple[str, ...] | None
) -> None:
    try:
        found = compile_expression(text, columns=columns, kind="scalar")
    except ExpressionError:
        return
    [statement] = duckdb.extract_statements(f"select {found.sql}")
    assert statement.type == duckdb.StatementType.SELECT
    [tree] = sqlglot.parse(f"select {found.sql}", dialect="duckdb")
    assert isinstance(tree, sqlglot.exp.Select)
    assert set(tree.args) - {"expressions", "kind", "hint", "distinct"} <= {
        name for name, value in tree.args.items() if not value
    }
    assert len(tree.expressions) == 1
    assert not list(tree.find_all(sqlglot.exp.Table, sqlglot.exp.Subquery))


@pytest.fixture(scope="module")
def large_amounts() -> Iterator[Connection]:
    """Two events whose revenue, value and amount no product of 18 digits can hold."""
    connection = duckdb.connect(":memory:")
    connection.execute(
        """
        create table events as
        select 'e' || number as event_id, 'web' as platform,
            revenue::decimal(18, 6) as revenue, value::decimal(18, 6) as value,
            json_object('amount', value::varchar) as properties
        from (values
            (1, 1250.5, 98765.43), (2, -999999999.999999, 9999999999.5)
        ) as told (number, revenue, value)
        """
    )
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("revenue * value", lambda a, b: a * b),
        ("value * property_number('amount')", lambda a, b: b * b),
        (
            "revenue * (value - property_number('amount') - 3) * 2",
            lambda a, b: a * -3 * 2,
        ),
        (
            "cast(property('amount') as decimal(16, 4)) * revenue",
            lambda a, b: a * b,
        ),
        ("coalesce(value, 0) * case when value > 0 then value end", lambda a, b: b * b),
        ("revenue * 1.087654", lambda a, b: a * Decimal("1.087654")),
        ("0.000001 * value + 1", lambda a, b: b / 1_000_000 + 1),
    ],
)
def test_products_of_large_amounts_are_exact(
    text: str,
    expected: Callable[[Decimal, Decimal], Decimal],
    large_amounts: Connection,
) -> None:
    amounts = large_amounts.execute(
        "select revenue, value from events order by event_id"
    ).fetchall()
    with localcontext(prec=60):
        exact = [expected(*row) for row in amounts]
    assert values(large_amounts, compiled(text)) == exact


def test_what_no_decimal_can_hold_is_null(large_amounts: Connection) -> None:
    cube = compiled("revenue * revenue * revenue")
    assert values(large_amounts, cube) == [Decimal("1250.5") ** 3, None]
    condition = compiled("revenue * revenue * revenue < 0", "condition")
    assert values(large_amounts, condition) == [False, None]


NUMBERS = st.deferred(
    lambda: (
        st.sampled_from(["revenue", "value", "1", "2.5", "property_number('amount')"])
        | st.builds(
            "({} {} {})".format, NUMBERS, st.sampled_from(["+", "-", "*"]), NUMBERS
        )
        | st.builds("{} {} {}".format, NUMBERS, st.sampled_from(["+", "-"]), NUMBERS)
        | st.builds("case when {} then {} end".format, CONDITIONS, NUMBERS)
        | st.builds("-{}".format, st.sampled_from(["revenue", "value"]))
    )
)
CONDITIONS = st.deferred(
    lambda: (
        st.builds(
            "{} {} {}".format, NUMBERS, st.sampled_from(["<", "=", ">=", "<>"]), NUMBERS
        )
        | st.builds(
            "platform {} 'web'".format,
            st.sampled_from(["=", "<>", "like", "not like", "is distinct from"]),
        )
        | st.builds("{} is not null".format, NUMBERS)
        | st.builds("not {}".format, CONDITIONS)
        | st.builds("({})".format, CONDITIONS)
        | st.builds(
            "{} {} {}".format, CONDITIONS, st.sampled_from(["and", "or"]), CONDITIONS
        )
        | st.builds(
            "event_id {} ('e1', 'e3')".format, st.sampled_from(["in", "not in"])
        )
        | st.builds("{} not between {} and {}".format, NUMBERS, NUMBERS, NUMBERS)
    )
)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=CONDITIONS)
def test_compiling_keeps_the_meaning(
    text: str, event_table: Connection, large_amounts: Connection
) -> None:
    original = text.replace(
        "property_number('amount')",
        "try_cast(properties::json ->> '$.amount' as decimal(18, 6))",
    )
    try:
        expected = values(event_table, original)
    except duckdb.Error:
        return  # too many digits for a decimal
    refusal, sql = None, ""
    try:
        sql = compiled(text, "condition")
    except ExpressionError as error:
        refusal = error.message
    if refusal:
        assert "put brackets" in refusal or "levels deep" in refusal
    else:
        assert values(event_table, sql) == expected
        if not has_three_factors(sql):
            assert {*values(large_amounts, sql)} <= {True, False, None}


def has_three_factors(sql: str) -> bool:
    """Say whether a product is a factor of another one: 38 digits may not hold that."""
    products = sqlglot.parse_one(sql, dialect="duckdb").find_all(sqlglot.exp.Mul)
    return any(product.find_ancestor(sqlglot.exp.Mul) for product in products)
