"""From frames of sums to named results: every look, decision and check of experiments.

Here belong the frames in and out, the schedule of looks, and the words of a decision.
Here does not belong any statistic (``analysis.experiments``) nor where frames are
read and written.
"""
