"""Kinds of values that the project files and the results of comparisons share. Light, because most of the package needs it."""

from __future__ import annotations

from typing import Literal

Scalar = str | int | float | bool | None
JsonValue = Scalar | list["JsonValue"] | dict[str, "JsonValue"]

TaskKind = Literal["classification", "regression"]
Direction = Literal["higher", "lower"]
ColumnType = Literal["string", "integer", "number", "boolean", "timestamp"]
ColumnRole = Literal["key", "time", "feature", "label_source", "ignore"]
