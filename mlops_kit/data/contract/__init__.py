"""The data contract as queries: schema.yaml compiled to SQL, rows judged in one pass, and the contract read off data.

`casts` (one column as its type), `rules` (what a row can break), `judge` (good rows and bad rows of a relation), `check` (files against
schema.yaml), `infer` (schema.yaml from files).
"""
