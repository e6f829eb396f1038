"""One night from the terminal: start the job in this process, show it, sum it up.

What the night does stands in `defs/`; here is only how a person follows it.
"""
