"""Readers of a recorded graph for people: the picture, the table, the formulas, the step-by-step page.

All of them read one thing, the `Graph` that `graph.walk` makes; none walks the recording by itself.
"""
