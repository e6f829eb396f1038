"""One scalar SQL expression of the catalog: check it and compile it.

Belongs here: what an expression of a metric, traffic rule or table mapping may name,
and its translation to the SQL of the engine. Not here: the language itself
(`grammar`), where the text stood (`loader`), which columns an event has (`columns`),
whether the types fit (`binding`).

Safety rests on three independent fences: tokens (no `;`, comment, or function that
is not on the list), the syntax tree (only known node types), and the text that
leaves: it is generated from the checked tree, never copied from the input.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sqlglot import exp
from sqlglot.errors import ErrorLevel, UnsupportedError

from ingestion.catalog.columns import EVENT_COLUMNS
from ingestion.catalog.functions import PROPERTY_FUNCTIONS
from ingestion.catalog.grammar import ExpressionError, offset_of, parse_expression
from ingestion.catalog.suggestions import nearest_name

__all__ = [
    "CompiledExpression",
    "ExpressionError",
    "ExpressionKind",
    "compile_expression",
]

ExpressionKind = Literal["scalar", "condition"]

DIALECTS: Final = ("duckdb", "spark")
NUMBER_TYPE: Final = "DECIMAL(18, 6)"
_CONDITIONS: Final[tuple[type[exp.Expr], ...]] = (
    *(exp.Predicate, exp.And, exp.Or, exp.Not, exp.Boolean, exp.Escape),
)
_NEVER_CONDITIONS: Final[tuple[type[exp.Expr], ...]] = (
    *(exp.Literal, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.DPipe),
    *(exp.Null, exp.Interval),
)
# Spark replaces every match, counts whole units between dates (DuckDB: boundaries
# crossed), numbers weekdays from 1, and cannot be told to parse or give null.
_DUCKDB_ONLY: Final[tuple[type[exp.Expr], ...]] = (
    *(exp.RegexpReplace, exp.DateDiff, exp.DayOfWeek, exp.DayOfWeekIso),
)
_DUCKDB_ONLY_NAMES: Final = frozenset(
    {"try_strptime", "date_part", "dayofweek", "isodow"}
)
_ARITHMETIC: Final[dict[type[exp.Expr], str]] = {
    exp.Add: "try_add",
    exp.Sub: "try_subtract",
    exp.Mul: "try_multiply",
}
# DuckDB gives the product of two decimals of 18 digits 18 digits too, and stops where
# it has more.
_NARROW_DIGITS: Final = 18
_PORTABLE_UNITS: Final = frozenset(
    {"year", "quarter", "month", "day", "hour", "minute", "second"}
)
_KEY_PATTERN: Final = re.compile(r"""[^\x00-\x1f"'\\\[\]*.?]+""")


@dataclass(frozen=True, slots=True)
class CompiledExpression:
    """A checked expression in the SQL of one engine.

    `columns` are the columns it reads, in lower case; `property('x')` counts as the
    column `properties`. `uses_person_properties` says that it needs the column
    `person_properties` (JSON text of the person's traits) joined to the event.
    """

    sql: str
    columns: frozenset[str]
    uses_person_properties: bool


def compile_expression(
    text: str,
    *,
    columns: Collection[str] | None,
    kind: ExpressionKind,
    dialect: str = "duckdb",
) -> CompiledExpression:
    """Check one scalar expression and give it in the SQL of `dialect`.

    `columns` are the valid column names; None admits any, quotes every name in the
    result (`user` unquoted is a function of DuckDB), and admits no `property(...)`.
    `kind` "condition" asks for a yes/no expression. `dialect` is "duckdb" or
    "spark". Casts become try_cast, divisors nullif(…, 0) and sums and products try: a
    bad value gives null, it does not stop a night. Raises ExpressionError.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"dialect {dialect!r} is not one of {', '.join(DIALECTS)}")
    known = None if columns is None else {name.lower() for name in columns}
    try:
        return _compile(text, known, kind, dialect)
    except RecursionError:
        raise ExpressionError("nested too deep to be read") from None


def _compile(
    text: str, known: set[str] | None, kind: ExpressionKind, dialect: str
) -> CompiledExpression:
    tree = parse_expression(text)
    if kind == "condition":
        _check_condition(tree, names_are_typed=known is not None)
    read = _check_columns(tree, known)
    tree, used = _expand_properties(tree, known, dialect)
    tree = _forgive_casts_and_divisions(tree)
    _widen_products(tree, known)
    tree = _forgive_arithmetic(tree, dialect)
    return CompiledExpression(
        sql=_generate(tree, dialect, quoted=known is None),
        columns=read | used,
        uses_person_properties="person_properties" in used,
    )


def _check_condition(tree: exp.Expr, *, names_are_typed: bool) -> None:
    node = tree.unnest()
    if isinstance(node, _CONDITIONS):
        return
    text_only = isinstance(node, exp.Anonymous) and str(node.this).lower() in (
        "property",
        "property_number",
        "person_property",
    )
    column = names_are_typed and isinstance(node, exp.Column)
    if text_only or column or isinstance(node, _NEVER_CONDITIONS):
        raise ExpressionError(
            "a yes/no condition is needed: compare the value with something, "
            "such as platform = 'web'",
            offset_of(node),
        )


def _check_columns(tree: exp.Expr, known: set[str] | None) -> frozenset[str]:
    """Give the columns read, the first part of a dotted name being the column."""
    read: set[str] = set()
    for column in tree.find_all(exp.Column):
        name = str(column.parts[0].name).lower()
        if known is not None:
            _check_known(column, known)
        read.add(name)
    return frozenset(read)


def _check_known(column: exp.Column, known: set[str]) -> None:
    if len(column.parts) > 1:
        key = ".".join(part.name for part in column.parts)[:60]
        raise ExpressionError(
            f"`{key}` has a dot, and event columns have no parts; "
            "a property inside another is written property('a.b')",
            offset_of(column),
        )
    if column.name.lower() in known:
        return
    if "properties" not in known and "channel" in known:
        raise ExpressionError(
            f"`{column.name}` is not a column of a session",
            offset_of(column),
            nearest_name(column.name, known),
        )
    raise ExpressionError(
        f"`{column.name}` is not a column of an event; "
        f"a property is written property('{column.name}')",
        offset_of(column),
        nearest_name(column.name, known),
    )


def _expand_properties(
    tree: exp.Expr, known: set[str] | None, dialect: str
) -> tuple[exp.Expr, frozenset[str]]:
    """Replace property(...) by the JSON extraction; give the columns that needs."""
    used: set[str] = set()
    calls = [
        node
        for node in tree.find_all(exp.Anonymous)
        if str(node.this).lower() in PROPERTY_FUNCTIONS
    ]
    for call in calls:
        name = str(call.this).lower()
        offset = offset_of(call)
        if known is not None and "channel" in known:
            raise ExpressionError(
                f"`{name}` reads events and persons, and this is said of sessions",
                offset,
            )
        if known is None or (name != "person_property" and "properties" not in known):
            raise ExpressionError(
                f"`{name}` reads an event's properties, which do not exist yet here; "
                "name the file's column",
                offset,
            )
        column = "person_properties" if name == "person_property" else "properties"
        used.add(column)
        found = _extraction(column, _property_keys(call, name, offset), dialect)
        if name == "property_number":
            found = _try_cast(found, exp.DataType.build(NUMBER_TYPE))
        if name == "property_boolean":
            found = _try_cast(found, exp.DataType.build("BOOLEAN"))
        if call is tree:
            tree = found
        else:
            call.replace(found)
    return tree, frozenset(used)


def _property_keys(call: exp.Anonymous, name: str, offset: int) -> list[str]:
    arguments = call.expressions
    if len(arguments) != 1 or not (
        isinstance(arguments[0], exp.Literal) and arguments[0].is_string
    ):
        raise ExpressionError(
            f"`{name}` takes one name in single quotes, such as {name}('plan')", offset
        )
    keys = str(arguments[0].this).split(".")
    if not all(_KEY_PATTERN.fullmatch(key) for key in keys):
        raise ExpressionError(
            f"`{name}`: '{arguments[0].this}' is not a property name; quotes, "
            "backslashes, brackets, `*` and `?` are not allowed, a dot leads inside",
            offset,
        )
    return keys


def _extraction(column: str, keys: Sequence[str], dialect: str) -> exp.Expr:
    # Anonymous keeps sqlglot from rewriting the call into an operator, whose
    # precedence differs between engines.
    if dialect == "spark":
        path, function = "$." + ".".join(keys), "get_json_object"
    else:
        path = "$." + ".".join(f'"{key}"' for key in keys)
        function = "json_extract_string"
    return exp.Anonymous(
        this=function,
        expressions=[exp.column(column), exp.Literal.string(path)],
    )


def _try_cast(value: exp.Expr, to: exp.Expr) -> exp.TryCast:
    # `safe` makes the Spark generator keep try_cast, whose plain cast may raise.
    return exp.TryCast(this=value, to=to, safe=True)


def _replaced(tree: exp.Expr, node: exp.Expr, by: exp.Expr) -> exp.Expr:
    if node is tree:
        return by
    node.replace(by)
    return tree


def _forgive_casts_and_divisions(tree: exp.Expr) -> exp.Expr:
    for node in list(tree.walk()):
        if isinstance(node, exp.Cast):
            tree = _replaced(tree, node, _try_cast(node.this, node.args["to"]))
        elif isinstance(node, (exp.Div, exp.Mod)):
            divisor = node.expression
            if not _is_nonzero(divisor):
                zero = exp.Literal.number(0)
                node.set("expression", exp.Nullif(this=divisor.copy(), expression=zero))
    return tree


def _widen_products(tree: exp.Expr, known: set[str] | None) -> None:
    """Give one factor of each product more digits, so that the product has them too."""
    amounts = {
        name
        for name, data_type in EVENT_COLUMNS.items()
        if known and name in known and data_type.startswith("DECIMAL")
    }
    # A product inside another one comes after it, and is wide when its turn comes.
    for product in reversed(list(tree.find_all(exp.Mul))):
        if any(
            _decimal_of(node, amounts)[0] > _NARROW_DIGITS for node in product.walk()
        ):
            continue
        for factor in (product.expression, product.this):
            narrow = [node for node in factor.walk() if _decimal_of(node, amounts)[0]]
            for node in narrow:
                wide = f"DECIMAL({_NARROW_DIGITS + 1}, {_decimal_of(node, amounts)[1]})"
                node.replace(_try_cast(node.copy(), exp.DataType.build(wide)))
            if narrow:
                break


def _decimal_of(node: exp.Expr, amounts: Collection[str]) -> tuple[int, int]:
    """Give the digits of a decimal, and how many of them follow the point; else 0."""
    if isinstance(node, exp.Column) and node.name.lower() in amounts:
        return _NARROW_DIGITS, 6
    if isinstance(node, exp.Cast) and node.to.is_type(exp.DataType.Type.DECIMAL):
        digits = [int(part.name) for part in node.to.expressions] or [18, 3]
        return digits[0], digits[1] if len(digits) > 1 else 0
    return 0, 0


def _forgive_arithmetic(tree: exp.Expr, dialect: str) -> exp.Expr:
    """Make sums and products that no number can hold null.

    A last resort: DuckDB lifts a part that two expressions share out of their `try`.
    A product of two amounts always has room (`_widen_products`).
    """
    found = [] if dialect == "duckdb" else list(tree.find_all(*_ARITHMETIC))
    for node in found:
        both = [node.this.unnest(), node.expression.unnest()]
        call = exp.Anonymous(this=_ARITHMETIC[type(node)], expressions=both)
        tree = _replaced(tree, node, call)
    if dialect == "duckdb":
        for node in _with_arithmetic(tree):
            call = exp.Anonymous(this="try", expressions=[node.copy()])
            tree = _replaced(tree, node, call)
    return tree


def _with_arithmetic(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Give the parts that `and`, `or` and `not` join, if they have some arithmetic.

    A comparison brings numbers to one type first, and stops where one does not fit.
    The parts without any can still be looked up in statistics of the table.
    """
    if isinstance(tree, (exp.And, exp.Or, exp.Not, exp.Paren)):
        for part in list(tree.iter_expressions()):
            yield from _with_arithmetic(part)
    elif tree.find(*_ARITHMETIC):
        yield tree


def _is_nonzero(node: exp.Expr) -> bool:
    is_number = isinstance(node, exp.Literal) and not node.is_string
    return is_number and float(node.this) != 0


def _generate(tree: exp.Expr, dialect: str, *, quoted: bool) -> str:
    if dialect == "spark":
        _check_portable(tree)
    try:
        return tree.sql(
            dialect=dialect,
            identify=quoted,
            comments=False,
            normalize_functions="lower",
            unsupported_level=ErrorLevel.RAISE,
        )
    except UnsupportedError as error:
        raise ExpressionError(f"cannot be said on {dialect}: {error}") from None


def _check_portable(tree: exp.Expr) -> None:
    """Refuse what sqlglot would translate to Spark with another meaning."""
    for node in tree.walk():
        name = str(node.this).lower() if isinstance(node, exp.Anonymous) else ""
        unit = str(node.this).lower() if isinstance(node, exp.Extract) else "day"
        if (
            isinstance(node, _DUCKDB_ONLY)
            or name in _DUCKDB_ONLY_NAMES
            or unit not in _PORTABLE_UNITS
            or (isinstance(node, exp.RegexpLike) and node.args.get("flag"))
        ):
            raise ExpressionError(
                f"`{node.sql('duckdb')[:60]}` means something else on spark",
                offset_of(node),
            )
