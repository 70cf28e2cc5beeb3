"""Sweeps: many settings of the params, run through the same pipeline, cache and runner, and the best by a validation score."""
