"""Pure statistics: frames and arrays in, frames and arrays out.

Here belong estimates, intervals, tests and the rules that judge them. Here do not
belong Dagster, databases, files, clocks, or the wording and drawing of reports.
"""
