"""Names of array types, work on records of arrays, checks of every entry point.

Here does not belong statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
CodeArray = npt.NDArray[np.int8]


def floats(values: npt.ArrayLike) -> FloatArray:
    """Array of float64; not a copy when it is one already."""
    return np.asarray(values, dtype=np.float64)


def fieldwise(
    function: Callable[..., npt.NDArray[Any]], first: Record, *others: Record
) -> Record:
    """The record whose every field is ``function`` of that field of the records."""
    return replace(
        first,
        **{
            field.name: function(
                *(getattr(record, field.name) for record in (first, *others))
            )
            for field in fields(first)
        },
    )


def check_share(name: str, value: npt.ArrayLike) -> None:
    """Raise ``ValueError`` unless all of ``value`` lies strictly between 0 and 1."""
    array = floats(value)
    if not np.all((array > 0) & (array < 1)):
        raise ValueError(f"{name} must lie strictly between 0 and 1, got {array}")


@contextmanager
def undefined_is_nan() -> Iterator[None]:
    """Let divisions by zero and their like give NaN quietly: a reason code says why."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        yield
