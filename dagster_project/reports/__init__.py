"""Pure rendering: frames in, a page out.

Here belong view models, wording, number formats, charts and templates. Here do not
belong Dagster, databases, files, clocks, or the computing of figures.
"""
