"""Rules about time, zone and locale: what depends on when and where a step runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlops_kit.steps.lint.module import Module, argument, is_none, text_end


class Clock:
    """The time of day is another on every run."""

    id = "clock"
    fix = "a date from params.yaml or from the newest row; durations belong in the log"

    _functions = frozenset(
        {"datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today", "time.time",
         "time.time_ns", "time.ctime", "time.asctime", "pandas.Timestamp.now", "pandas.Timestamp.today", "pandas.Timestamp.utcnow"}
    )  # fmt: skip
    _of_now = frozenset({"time.localtime", "time.gmtime"})
    _parsers = frozenset({"pandas.to_datetime", "pandas.Timestamp", "numpy.datetime64"})

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield readings of the clock, except where only the difference of two is used."""
        for call, name in module.called:
            if name in self._functions:
                # datetime.today of a class of one's own is not imported, so it has no name here
                if not _is_duration(module, call):
                    yield call
            elif (
                (name in self._of_now and not call.args)
                or (name == "time.strftime" and len(call.args) == 1)
                or (name in self._parsers and call.args and text_end(call.args[0]) in ("now", "today"))
            ):
                yield call


def _is_duration(module: Module, call: ast.expr) -> bool:
    def subtracted(node: ast.expr) -> bool:
        outer = module.parent(node)
        return isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Sub)

    def kept(node: ast.expr) -> bool:  # start = now, for the next round
        outer = module.parent(node)
        return isinstance(outer, ast.Assign) and outer.value is node

    uses = module.uses_of(call)
    return subtracted(call) or (
        any(map(subtracted, uses))
        and all(subtracted(use) or kept(use) or module.is_said(use) for use in uses)
    )


class LocalTime:
    """Local time depends on the time zone of the machine."""

    id = "local-time"
    fix = "datetime.fromtimestamp(seconds, tz=UTC), pandas.to_datetime(seconds, unit='s', utc=True)"

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield conversions that use the zone of the machine."""
        for call, name in module.called:
            if (
                (name == "datetime.datetime.fromtimestamp" and is_none(argument(call, 1, "tz")))
                or name in ("datetime.date.fromtimestamp", "time.mktime")
                or (name == "time.localtime" and call.args)
            ):
                yield call


class Locale:
    """Sorting and formatting by locale depend on the machine and on what is installed on it."""

    id = "locale"
    fix = "sorted(texts) or an explicit key; f-strings for numbers"

    _functions = frozenset(
        {
            "locale.setlocale",
            "locale.strxfrm",
            "locale.strcoll",
            "locale.format_string",
            "locale.currency",
            "locale.str",
            "locale.atof",
        }
    )

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield uses of the locale, also as a key of sorting."""
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute | ast.Name) and module.name_of(node) in self._functions:
                yield node
