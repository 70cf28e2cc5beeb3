"""Tables of any size: formats, partitions and their manifest, the data contract as queries, rules, profile, splits, and the data diff.

Everything here runs out of core: DuckDB underneath (`outside/duck.py`), Parquet files in and out (`artifacts/tables.py: TableFiles,
RowStream`). Nothing here touches the network.
"""
