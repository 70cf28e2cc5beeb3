"""Partitions: what a source offers, what of it is new, how it is fetched aside, and how a manifest becomes a folder again."""
