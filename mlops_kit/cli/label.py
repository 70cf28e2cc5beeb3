"""`mlops-kit label`: what to label, by whom, and what came of it."""

from __future__ import annotations

from importlib import import_module

import typer

# One file per command; each has `register(group)`.
