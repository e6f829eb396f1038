"""The little language of the catalog's expressions: read one, refuse the rest.

Belongs here: the first two of the three fences (see `expressions`): tokens (no `;`,
comment, or function that is not on the list) and the syntax tree (only the node
types named below). Not here: columns, properties, and the SQL that comes out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel, ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from ingestion.catalog.functions import (
    ALLOWED_FUNCTIONS,
    BRACKET_WORDS,
    CAST_TYPES,
    REFUSED_FUNCTIONS,
)
from ingestion.catalog.suggestions import nearest_name

_MAX_CHARACTERS: Final = 10_000
# sqlglot recurses once a nesting level; deeper text is a mistake or an attack.
_MAX_TOKENS: Final = 2_000
_MAX_DEPTH: Final = 40

_SIGNS: Final = frozenset({TokenType.NOT, TokenType.DASH, TokenType.PLUS})
_PLAIN_TOKENS: Final = frozenset(
    {
        *(TokenType.STRING, TokenType.NUMBER, TokenType.IDENTIFIER, TokenType.VAR),
        *(TokenType.L_PAREN, TokenType.R_PAREN, TokenType.COMMA, TokenType.DOT),
        *(TokenType.PLUS, TokenType.DASH, TokenType.STAR, TokenType.SLASH),
        *(TokenType.MOD, TokenType.DPIPE, TokenType.DCOLON, TokenType.EQ),
        *(TokenType.NEQ, TokenType.GT, TokenType.GTE, TokenType.LT, TokenType.LTE),
    }
)
_NODES: Final[tuple[type[exp.Expr], ...]] = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren),
    *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE),
    *(exp.NullSafeEQ, exp.NullSafeNEQ, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod),
    *(exp.Neg, exp.DPipe, exp.Like, exp.ILike, exp.Escape, exp.In, exp.Between),
    *(exp.Is, exp.Case, exp.If, exp.Cast, exp.TryCast, exp.DataType),
    *(exp.DataTypeParam, exp.Interval, exp.Var),
)
# Functions with a syntax of their own, which the parser does not mark as called.
_SPECIAL_CALLS: Final[tuple[type[exp.Expr], ...]] = (
    *(exp.Trim, exp.Extract, exp.StrPosition, exp.Substring, exp.Concat, exp.Ceil),
    exp.Floor,
)
_NUMBER: Final = re.compile(r"(\d{1,38}(\.\d{0,38})?|\.\d{1,38})(e[+-]?\d{1,2})?", re.I)
_REFUSED_NODES: Final[dict[type[exp.Expr], str]] = {
    exp.Query: "a subquery is not allowed: an expression sees one event at a time",
    exp.AggFunc: "an aggregate is not allowed: say it with the metric's `type`",
    exp.Window: "a window function is not allowed: an expression sees one event",
    exp.Star: "`*` is not a value: name a column",
    exp.Tuple: "a list of values is not one value",
}
_COMPARISONS: Final[tuple[type[exp.Expr], ...]] = (
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ),
    *(exp.NullSafeNEQ, exp.Is, exp.In, exp.Between, exp.Like, exp.ILike),
)


class ExpressionError(ValueError):
    """An expression of the catalog that cannot be used.

    `message` says what is wrong and what to write instead, `offset` is the 0-based
    character of the text it stands at, `suggestion` the nearest valid name if any.
    """

    def __init__(self, message: str, offset: int = 0, suggestion: str | None = None):
        hint = f" Did you mean '{suggestion}'?" if suggestion else ""
        super().__init__(f"{message}.{hint}")
        self.message = message
        self.offset = offset
        self.suggestion = suggestion


def parse_expression(text: str) -> exp.Expr:
    """Give the syntax tree of one scalar expression, or raise ExpressionError.

    The tree holds nothing but columns, constants, operators and allowed functions;
    its column names are not yet checked.
    """
    tree = _parse(text, _checked_tokens(text))
    _check_nodes(tree)
    return tree


def offset_of(node: exp.Expr) -> int:
    """Give the 0-based character of the text where the node begins, 0 if unknown."""
    for inner in node.walk(bfs=False):
        if "start" in inner.meta:
            return int(inner.meta["start"])
    return 0


def _checked_tokens(text: str) -> list[Token]:
    if len(text) > _MAX_CHARACTERS:
        raise ExpressionError(f"longer than {_MAX_CHARACTERS:,} characters")
    try:
        tokens = Dialect.get_or_raise("duckdb").tokenize(text)
    except TokenError:
        raise ExpressionError("a quote or bracket is never closed") from None
    if not tokens:
        raise ExpressionError("the expression is empty")
    if len(tokens) > _MAX_TOKENS:
        raise ExpressionError(f"longer than {_MAX_TOKENS:,} words and signs")
    depth = signs = 0
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        opens = token.token_type is TokenType.L_PAREN or token.text.lower() == "case"
        closes = token.token_type is TokenType.R_PAREN or token.text.lower() == "end"
        depth += opens - closes
        # A row of `not` or `-` nests as brackets do, and closes with what it stands by.
        signs = signs + 1 if token.token_type in _SIGNS else 0
        if depth + signs > _MAX_DEPTH:
            raise ExpressionError(
                f"nested more than {_MAX_DEPTH} levels deep", token.start
            )
        _check_token(token, following)
    return tokens


def _check_token(token: Token, following: Token | None) -> None:
    if token.token_type is TokenType.SEMICOLON:
        raise ExpressionError("`;` is not allowed: write one expression", token.start)
    if token.comments:
        raise ExpressionError(
            "a comment is not allowed inside an expression: write it as YAML `# ...`",
            token.start,
        )
    word = token.text.lower()
    is_word = token.token_type in (TokenType.VAR, TokenType.IDENTIFIER) or (
        token.token_type not in _PLAIN_TOKENS and re.fullmatch(r"[a-z_]\w*", word)
    )
    if not is_word:
        if token.token_type not in _PLAIN_TOKENS:
            raise ExpressionError(_refused_sign(token), token.start)
        return
    parser = Dialect.get_or_raise("duckdb").parser_class
    is_called = following is not None and following.token_type is TokenType.L_PAREN
    if word == "if" and not is_called:
        raise ExpressionError("write if(condition, this, else_that)", token.start)
    if token.token_type in parser.NO_PAREN_FUNCTIONS or (
        is_called and word not in ALLOWED_FUNCTIONS | BRACKET_WORDS
    ):
        raise _function_error(word, token.start)


def _refused_sign(token: Token) -> str:
    cures = {
        TokenType.ARROW: "`->` is not allowed: write property('name')",
        TokenType.DARROW: "`->>` is not allowed: write property('name')",
        TokenType.TILDE: "`~` is not allowed: write regexp_matches(text, pattern)",
    }
    return cures.get(token.token_type, f"`{token.text}` is not allowed here")


def _function_error(name: str, offset: int) -> ExpressionError:
    reason = REFUSED_FUNCTIONS.get(name)
    if reason:
        return ExpressionError(f"`{name}` {reason}", offset)
    return ExpressionError(
        f"`{name}` is not a function an expression may call",
        offset,
        nearest_name(name, ALLOWED_FUNCTIONS),
    )


def _parse(text: str, tokens: list[Token]) -> exp.Expr:
    parser = Dialect.get_or_raise("duckdb").parser(error_level=ErrorLevel.IMMEDIATE)
    try:
        trees = parser.parse_into(exp.Condition, tokens, text)
    except ParseError as error:
        raise _syntax_error(text, tokens, error) from None
    if len(trees) != 1 or trees[0] is None:
        raise ExpressionError("this is not one expression")
    return trees[0]


def _syntax_error(
    text: str, tokens: Sequence[Token], error: ParseError
) -> ExpressionError:
    if tokens[0].text.lower() in _STATEMENT_WORDS and len(tokens) > 1:
        return ExpressionError(
            f"`{tokens[0].text}` begins a statement, but one expression is needed, "
            "such as platform = 'web'"
        )
    detail = error.errors[0] if error.errors else {}
    lines = text.split("\n")
    line = min(max(int(detail.get("line") or 1), 1), len(lines))
    before = sum(len(earlier) + 1 for earlier in lines[: line - 1])
    mark = str(detail.get("highlight") or "")
    offset = max(before + int(detail.get("col") or 1) - max(len(mark), 1), 0)
    if mark:
        return ExpressionError(f"SQL not understood at `{mark}`", offset)
    return ExpressionError("SQL not understood", offset)


_STATEMENT_WORDS: Final = frozenset(
    {
        *("alter", "analyze", "attach", "begin", "call", "checkpoint", "comment"),
        *("commit", "copy", "create", "delete", "describe", "detach", "drop"),
        *("execute", "explain", "export", "from", "grant", "import", "insert"),
        *("install", "load", "merge", "pivot", "pragma", "prepare", "reset"),
        *("rollback", "select", "set", "show", "summarize", "truncate", "update"),
        *("use", "vacuum", "values", "with"),
    }
)


def _check_nodes(tree: exp.Expr) -> None:
    for node in tree.walk():
        offset = offset_of(node)
        for refused, reason in _REFUSED_NODES.items():
            if isinstance(node, refused):
                raise ExpressionError(reason, offset)
        if isinstance(node, exp.Anonymous):
            if str(node.this).lower() not in ALLOWED_FUNCTIONS:
                raise _function_error(str(node.this).lower(), offset)
        elif not isinstance(node, (*_NODES, *_SPECIAL_CALLS)) and not (
            isinstance(node, exp.Func) and "start" in node.meta
        ):
            raise ExpressionError(
                f"`{node.sql('duckdb')[:60]}` is not part of a plain expression", offset
            )
        if isinstance(node, _COMPARISONS):
            _check_brackets(node)
        if isinstance(node, exp.Is) and not isinstance(
            node.expression, (exp.Null, exp.Boolean)
        ):
            raise ExpressionError(
                "`is` goes with null, true, false or distinct from; else write `=`",
                offset_of(node.expression),
            )
        if isinstance(node, exp.Interval):
            _check_interval(node, offset)
        if isinstance(node, exp.Literal) and not node.is_string:
            _check_number(str(node.this))
        if isinstance(node, exp.DataType) and not isinstance(node.parent, exp.Interval):
            _check_type(node, offset)


def _check_brackets(comparison: exp.Expr) -> None:
    """Refuse `a = b is null`: the parser and the engines bind it differently."""
    for side in ("this", "expression", "low", "high"):
        operand = comparison.args.get(side)
        if isinstance(operand, exp.Expr) and isinstance(
            operand, (*_COMPARISONS, exp.Not)
        ):
            raise ExpressionError(
                f"put brackets around `{operand.sql('duckdb')[:60]}`: without them a "
                "comparison of a comparison can be read in two ways",
                offset_of(operand),
            )


def _check_number(text: str) -> None:
    if not _NUMBER.fullmatch(text):
        raise ExpressionError(f"`{text}` is not a number")


def _check_interval(interval: exp.Interval, offset: int) -> None:
    amount, unit = interval.this, interval.args.get("unit")
    if not isinstance(amount, exp.Literal) or not isinstance(unit, exp.Var):
        raise ExpressionError(
            "an interval is written interval '7' day, with a plain number", offset
        )


def _check_type(node: exp.DataType, offset: int) -> None:
    if str(getattr(node.this, "value", node.this)) not in CAST_TYPES:
        raise ExpressionError(
            f"`{node.sql('duckdb')}` is not a type an expression may cast to; use "
            "varchar, integer, bigint, decimal(18, 6), double, boolean, date or "
            "timestamp",
            offset,
        )
