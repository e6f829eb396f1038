"""How files of each format become canonical events.

`files` finds and inspects files, `readers` gives their lines, `shapes` finds out which
keys the lines have, `native` and `table` say how keys become columns, `verdicts` judges
the rows and writes them.
"""
