"""Planted faults: stages that are not reproducible, each for one known cause, and pipelines that are."""
