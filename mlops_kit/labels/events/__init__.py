"""The label event, the unit of truth: its form, its files, and what is done with one that does not fit."""
