"""Splits of labelled rows into sets to learn from, to choose by and to measure on, and what these must not have in common.

`joined` brings rows and labels together in one scratch file, `places` gives each row a number that decides where it goes, `cuts` finds
the numbers at which one set ends, `methods` has the three ways to split, `leakage` looks at the result.
"""
