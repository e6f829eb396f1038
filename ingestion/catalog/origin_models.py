"""`origin:` of a source: where its files are fetched from before they land.

Shapes and what can be judged from one declaration alone. Secrets are never declared:
a declaration names the environment variable that holds one. How an origin is read is
`ingestion/origins`.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from ingestion.catalog.fields import Declared, Text, window_seconds

_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
_TABLE: Final = re.compile(r'("[^"]+"|[a-zA-Z_]\w*)(\.("[^"]+"|[a-zA-Z_]\w*))?')


def _check_variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        # The text is not repeated: it may be the secret itself.
        raise ValueError(
            "write the name of an environment variable, such as SHOP_DATABASE_URL; "
            "secrets have no place in this file"
        )
    return name


def _check_table(name: str) -> str:
    if not _TABLE.fullmatch(name):
        raise ValueError(
            f"'{name}' is not a table: write table or schema.table, or a `query`"
        )
    return name


def _check_query(text: str) -> str:
    return text.strip().rstrip(";").rstrip()


def _check_url(url: str) -> str:
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket or prefix.startswith("/"):
        raise ValueError(f"'{url}' is not a bucket: write s3://bucket/folder/")
    return url


def _check_endpoint(url: str) -> str:
    if not re.fullmatch(r"https?://[^/\s@]+", url):
        raise ValueError(
            f"'{url}' is not an endpoint: write https://host or http://host:port"
        )
    return url


def _check_overlap(value: str | int) -> str | int:
    if isinstance(value, str):
        window_seconds(value)
    elif value < 0:
        raise ValueError(f"{value} is negative: write 0 or more")
    return value


Variable = Annotated[
    str,
    AfterValidator(_check_variable),
    Field(json_schema_extra={"pattern": f"^{_VARIABLE.pattern}$"}),
]
"""The name of an environment variable that holds a secret."""


class CursorSpec(Declared):
    """The column by which new rows of a table are told from those known."""

    column: Text = Field(
        description="A column of the table or query that never falls for new or "
        "changed rows, such as updated_at or id; index it."
    )
    overlap: Annotated[str | int, AfterValidator(_check_overlap)] | None = Field(
        default=None,
        description="How far before the newest known row to read again, because "
        "transactions commit late: a window for times (default '1 hour'), a number "
        "for numbers (default 1000).",
        examples=["1 hour"],
    )


class PostgresOrigin(Declared):
    """A table or query of a PostgreSQL database."""

    type: Literal["postgres"]
    url: Variable = Field(
        description="Environment variable with postgresql://user:password@host/name.",
        examples=["SHOP_DATABASE_URL"],
    )
    table: Annotated[Text, AfterValidator(_check_table)] | None = Field(
        default=None, description="The table that is read whole, or past a cursor."
    )
    query: (
        Annotated[
            str,
            StringConstraints(min_length=1, max_length=20_000),
            AfterValidator(_check_query),
        ]
        | None
    ) = Field(
        default=None,
        description="A select, instead of `table`.",
        examples=["select * from payments where amount > 0"],
    )
    cursor: CursorSpec | None = Field(
        default=None, description="None = the whole table is read every night."
    )
    rows_per_file: int = Field(
        default=1_000_000,
        ge=1,
        description="With a cursor: rows after which a file is kept, so that a "
        "connection that dies loses no more than these.",
    )

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError("give either `table` or `query`")
        return self

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that hold its secrets."""
        return (self.url,)


class S3Origin(Declared):
    """A folder of a bucket of S3, or of a store that speaks its protocol."""

    type: Literal["s3"]
    url: Annotated[str, AfterValidator(_check_url)] = Field(
        description="s3://bucket/folder/; `files` of the source chooses below it.",
        examples=["s3://exports/app/"],
    )
    endpoint: Annotated[str, AfterValidator(_check_endpoint)] | None = Field(
        default=None,
        description="Of another store than AWS: https://host.",
        examples=["https://storage.example.org"],
    )
    region: Text = Field(default="us-east-1", description="Of the bucket.")
    access_key: Variable | None = Field(
        default=None,
        description="Environment variable with the access key.",
        examples=["EXPORTS_ACCESS_KEY"],
    )
    secret_key: Variable | None = Field(
        default=None,
        description="Environment variable with the secret key.",
        examples=["EXPORTS_SECRET_KEY"],
    )

    anonymous: bool = Field(
        default=False, description="The bucket is public: ask without any key."
    )

    @model_validator(mode="after")
    def _keys_come_together(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError(
                "give both `access_key` and `secret_key`; neither = the role of the "
                "machine"
            )
        if self.anonymous and self.access_key is not None:
            raise ValueError("`anonymous` asks without keys: leave the keys out")
        return self

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.url.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """What the keys of all objects start with; ends in / unless empty."""
        prefix = self.url.removeprefix("s3://").partition("/")[2]
        return f"{prefix.rstrip('/')}/" if prefix else ""

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that hold its secrets."""
        return tuple(one for one in (self.access_key, self.secret_key) if one)


OriginSpec = Annotated[PostgresOrigin | S3Origin, Field(discriminator="type")]
