"""Why a figure is null, and by which method a figure was made.

Here belong the codes and their names. An undefined result is null with a reason;
it is never p = 1, never an infinite interval and never an exception.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from dagster_project.analysis.experiments.arrays import CodeArray


class Reason(IntEnum):
    """Why a figure could not be given; 0 means that nothing is missing."""

    NONE = 0
    EMPTY_ARM = 1
    TOO_FEW_UNITS = 2
    ZERO_DENOMINATOR = 3
    ZERO_VARIANCE = 4
    ZERO_BASELINE = 5
    UNBOUNDED = 6
    NOT_FINITE = 7
    NO_INFORMATION = 8
    NEGATIVE_BASELINE = 9
    TOO_FEW_VALUES = 10


class Method(IntEnum):
    """How the p-value of a row was made."""

    WELCH = 0
    POOLED_Z = 1
    BOSCHLOO = 2
    FISHER = 3
    RATIO_DELTA = 4
    CUPED = 5
    RATIO_CUPED = 6
    GIVEN = 7
    LIN = 8
    QUANTILE = 9


_REASON_NAMES: Final = np.array(
    [None, *(reason.name.lower() for reason in list(Reason)[1:])], dtype=object
)
_METHOD_NAMES: Final = np.array([item.name.lower() for item in Method], dtype=object)


def reason_names(codes: npt.ArrayLike) -> npt.NDArray[np.object_]:
    """Names of reason codes in lower case, None where nothing is missing."""
    return np.asarray(_REASON_NAMES[np.asarray(codes, dtype=np.int64)])


def method_names(codes: npt.ArrayLike) -> npt.NDArray[np.object_]:
    """Names of method codes in lower case."""
    return np.asarray(_METHOD_NAMES[np.asarray(codes, dtype=np.int64)])


def first_reason(*checks: tuple[npt.ArrayLike, Reason]) -> CodeArray:
    """Code of the first check that holds, elementwise; ``NONE`` where none does."""
    conditions = np.broadcast_arrays(*(np.asarray(check) for check, _ in checks))
    codes = [np.int8(reason) for _, reason in checks]
    return np.asarray(
        np.select(list(conditions), codes, default=np.int8(Reason.NONE)), dtype=np.int8
    )
