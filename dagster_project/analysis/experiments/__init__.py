"""The statistics of experiments: sums in, estimates with interval and reason out.

Here belong moments, contrasts of arms, tests and intervals, sequential and Bayesian
figures, corrections, sample-ratio checks, power, heterogeneity and the rule that
decides. Here do not belong the SQL that sums, the wording of reports, and anything
that reads a clock or a file.

How the parts fit: ``sums`` gives ``Moments`` per arm; ``contrasts``, ``cuped``,
``stratification`` and ``quantiles`` turn two arms into one ``Contrast`` (a difference
and a baseline with their joint covariance); every test, interval, posterior and
boundary reads a ``Contrast``. All work on whole arrays: leading axes may be
experiments, metrics, slices and days; the arm is the last of them, control first.
"""
