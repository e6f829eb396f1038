"""What must be true of interactions of experiments before anyone reads them.

That two experiments change one another is no fault of the rows: it is shown as a
warning.
"""

from __future__ import annotations

from typing import Final

from quality_checks.suites.rules import has_columns, no_such_rows
from quality_checks.verdict import Expectation, Suite

_KEY: Final = (
    *("experiment_name", "other_experiment_name", "metric_name"),
    *("treatment", "other_treatment", "is_capped"),
)
_SHOWN: Final = ", ".join(_KEY)
_SHARES: Final = ("p_value", "adjusted_p_value", "joint_p_value")
_FIGURES: Final = (
    *("effect_alone", "effect_together", "interaction", "std_error", "statistic"),
    *("log_p", "interaction_lower", "interaction_upper"),
)
_FLAGS: Final = ("is_significant", "is_discovery")
_CURE_VERSION: Final = (
    "The interactions were written by another version of the analysis: run again with "
    "this one."
)
_CURE: Final = (
    "The analysis wrote a row it must not write: nothing of this run is published. Run "
    "the tests of the analysis with the cells of the row shown; to publish meanwhile, "
    "set one of the two experiments to draft in the catalog."
)
_CURE_FOUND: Final = (
    "Read the effect of the one experiment by variant of the other on its page. Where "
    "both treatments are to ship, judge the treatment on units that have both; give "
    "experiments that touch the same screen one exclusion_group the next time."
)


def experiment_interactions_suite(
    *, table: str = "analysis.experiment_interactions"
) -> Suite:
    """Return the suite for interactions. An empty table is fine: few overlap."""
    return Suite(
        name="experiment_interactions",
        table=table,
        description="Interactions agree with themselves; found ones are shown.",
        expectations=(
            has_columns(
                (*_KEY, *_SHARES, *_FIGURES, *_FLAGS, "reason", "config_hash"),
                exactly=False,
                cure=_CURE_VERSION,
            ),
            *_form(),
            *_coherence(),
            no_such_rows(
                "experiments_leave_one_another_alone",
                f"select {_SHOWN}, effect_alone, effect_together, adjusted_p_value "
                "from {batch} where is_discovery",
                description="no experiment changes the effect of another one",
                severity="warning",
                cure=_CURE_FOUND,
            ),
        ),
    )


def _form() -> tuple[Expectation, ...]:
    nulls = " or ".join(f"{name} is null" for name in (*_KEY, "config_hash"))
    figures = (*_FIGURES, *_SHARES)
    infinite = " or ".join(f"not coalesce(isfinite({name}), true)" for name in figures)
    outside = " or ".join(f"not coalesce({n} between 0 and 1, true)" for n in _SHARES)
    return (
        no_such_rows(
            "key_is_unique",
            f"select {_SHOWN}, count(*) as row_count from {{batch}} "
            f"group by {_SHOWN}, config_hash having count(*) > 1 or {nulls} "
            "or experiment_name = other_experiment_name",
            description=f"one row per {_SHOWN}, none of them null; nothing overlaps "
            "with itself",
            cure=_CURE,
        ),
        no_such_rows(
            "figures_are_numbers",
            f"select {_SHOWN}, {', '.join(figures)} from {{batch}} "
            f"where {infinite} or {outside}",
            description="figures are finite or null, and p-values lie in [0, 1]",
            cure=_CURE,
        ),
    )


def _coherence() -> tuple[Expectation, ...]:
    # A level written as 1 - confidence differs from alpha in its last digits.
    near = "abs({0} - (1 - confidence)) < 1e-12"
    flags = " or ".join(
        f"({p} is not null and not ({near.format(p)}) "
        f"and {flag} is distinct from ({p} < 1 - confidence))"
        for flag, p in zip(_FLAGS, ("p_value", "adjusted_p_value"), strict=True)
    )
    known = ("p_value", "std_error", "interaction_lower", "adjusted_p_value")
    some = " or ".join(f"{name} is not null" for name in known)
    none = " or ".join(f"{name} is null" for name in known)
    return (
        no_such_rows(
            "figures_agree",
            f"select {_SHOWN}, {', '.join(_FIGURES)}, {', '.join(_FLAGS)} "
            "from {batch} where "
            "not coalesce(interaction between interaction_lower and interaction_upper, "
            "true) or is_significant is distinct from coalesce(interaction_lower > 0 "
            "or interaction_upper < 0, false) or adjusted_p_value < p_value "
            f"or {flags}",
            description="estimate, interval, p-values and flags agree",
            cure=_CURE,
        ),
        no_such_rows(
            "null_exactly_with_a_reason",
            f"select {_SHOWN}, reason, p_value from {{batch}} "
            f"where (reason is not null and ({some} or is_significant or is_discovery))"
            f" or (reason is null and ({none}))",
            description="a row has all its figures, or says why not",
            cure=_CURE,
        ),
    )
