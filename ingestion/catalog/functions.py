"""Which words a declared expression may call, and why the others may not.

An allow-list on purpose: a new DuckDB release may add a function that reads a file
or the network, and an expression that worked yesterday must mean the same tomorrow.
Every function here is pure, looks at one row, and gives null rather than an error
on a value it cannot read. Checking and compiling live in `expressions`.
"""

from __future__ import annotations

from typing import Final

PROPERTY_FUNCTIONS: Final = (
    "property",
    "property_number",
    "property_boolean",
    "person_property",
)

ALLOWED_FUNCTIONS: Final[frozenset[str]] = frozenset(
    {
        *PROPERTY_FUNCTIONS,
        # choice and conversion
        *("cast", "try_cast", "coalesce", "ifnull", "nullif", "if"),
        *("greatest", "least"),
        # text
        *("concat", "concat_ws", "contains", "ends_with", "left", "length", "lower"),
        *("ltrim", "md5", "position", "replace", "reverse", "right", "rtrim"),
        *("split_part", "starts_with", "strpos", "substr", "substring", "trim"),
        *("upper", "regexp_extract", "regexp_matches", "regexp_replace"),
        # numbers
        *("abs", "ceil", "ceiling", "floor", "mod", "round", "sign"),
        # time
        *("date_diff", "datediff", "date_part", "date_trunc", "extract", "epoch"),
        *("year", "quarter", "month", "day", "dayofweek", "isodow", "dayofyear"),
        *("hour", "minute", "second", "strftime", "try_strptime"),
    }
)

# Words that stand before a bracket without being called.
BRACKET_WORDS: Final[frozenset[str]] = frozenset(
    {
        *("and", "or", "not", "in", "is", "like", "ilike", "between", "escape"),
        *("case", "when", "then", "else", "end", "from", "for", "interval", "distinct"),
        *("decimal", "numeric", "varchar"),
    }
)

CAST_TYPES: Final[frozenset[str]] = frozenset(
    {
        *("BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "DECIMAL"),
        *("FLOAT", "DOUBLE", "VARCHAR", "TEXT", "DATE", "TIMESTAMP", "TIMESTAMPNTZ"),
    }
)

_REFUSED_GROUPS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (
        "looks at many rows, but an expression sees one event at a time; "
        "say it with the metric's `type`",
        (
            *("any_value", "arg_max", "arg_min", "approx_count_distinct", "avg"),
            *(
                "array_agg",
                "bool_and",
                "bool_or",
                "count",
                "count_if",
                "filter",
                "first",
            ),
            *("last", "list", "max", "max_by", "mean", "median", "min", "min_by"),
            *("mode", "quantile", "quantile_cont", "percentile_cont", "stddev"),
            *("string_agg", "sum", "variance"),
        ),
    ),
    (
        "looks at other rows; an expression sees one event at a time",
        (
            *("dense_rank", "first_value", "lag", "last_value", "lead", "ntile"),
            *("over", "rank", "row_number", "within"),
        ),
    ),
    (
        "reads the clock, so that yesterday's figure would change today",
        (
            *("current_date", "current_localtime", "current_localtimestamp"),
            *("current_time", "current_timestamp", "get_current_timestamp"),
            *("localtime", "localtimestamp", "now", "today", "transaction_timestamp"),
        ),
    ),
    (
        "gives another answer each time",
        ("gen_random_uuid", "nextval", "random", "setseed", "uuid", "uuidv4", "uuidv7"),
    ),
    (
        "reads files or settings of the machine",
        (
            *("current_setting", "getenv", "getvariable", "glob", "parquet_scan"),
            *("query", "query_table", "read_blob", "read_csv", "read_csv_auto"),
            *("read_json", "read_json_auto", "read_ndjson", "read_parquet"),
            *("read_text", "sniff_csv", "which_secret"),
        ),
    ),
    (
        "stops the run at the first value it cannot read; `try_strptime` gives null",
        ("strptime",),
    ),
    (
        "stops the run at the first value out of its range",
        ("acos", "asin", "exp", "ln", "log", "log10", "log2", "pow", "power", "sqrt"),
    ),
)

REFUSED_FUNCTIONS: Final[dict[str, str]] = {
    name: reason for reason, names in _REFUSED_GROUPS for name in names
}
