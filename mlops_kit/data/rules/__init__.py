"""Declared rules of cleaning: an ordered list in params.yaml, compiled to queries that run out of core.

`model.py` says what can be written, `compiling.py` turns one rule after the other into a query over the rows, `flow.py` is the value
that they pass on: rows with their number, what was wrong with them first, and which rules touched them.
"""
