"""Every night's second opinion: a sample of persons, recomputed and compared.

Here belong reading the sample and the warehouse's figures about it. How figures are
recomputed belongs to `analysis.reconciliation`.
"""

from dagster_project.reconciling.areas import reconcile_sample

__all__ = ["reconcile_sample"]
