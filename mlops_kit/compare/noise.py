"""Machine noise: values that differ from run to run by their nature, such as ids, clock times and host names.

They say nothing about the model, so a comparison folds them away instead of listing them among the changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlops_kit.spec.kinds import JsonValue

_NAMES = re.compile(
    r"(?:^|[._-])(?:uuid|guid|run_?id|job_?id|host|hostname|node_?name|pid|user(?:name)?|timestamp|created(?:_at|_on)?|started(?:_at)?"
    r"|finished(?:_at)?|date(?:time)?|elapsed(?:_\w+)?|run_?time(?:_\w+)?|wall_?(?:time|clock)(?:_\w+)?|duration(?:_\w+)?"
    r"|(?:train|training|fit|build|total|epoch|execution|exec|processing)_?time(?:_\w+)?|time_?taken(?:_\w+)?)$",
    re.IGNORECASE,
)
_UUID = re.compile(r"\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?", re.IGNORECASE)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")
_TEMPORARY = re.compile(
    r"(?:/tmp/|/var/folders/|[A-Z]:\\\\?Users\\\\?[^\\]+\\\\?AppData\\\\?Local\\\\?Temp).*"
)


def is_noise(name: str, old: JsonValue, new: JsonValue) -> bool:
    """Return whether the difference between `old` and `new` of the value `name` is machine noise.

    Either the last part of the name says so (`run_time`, `hostname`, `created_at`; not `latency`, which a user feels), or both values are
    of the same telling kind: unique ids, or folders for temporary files. Both sides must have a value. A date that a person sets
    (`split.date`) looks like a clock's, so dates and times count only with the time of day.
    """
    if old is None or new is None or isinstance(old, bool) or isinstance(new, bool):
        return False
    last = name.rpartition(":")[2]
    if _NAMES.search(last) and not (_is_day(old) or _is_day(new)):
        return True
    texts = [value for value in (old, new) if isinstance(value, str)]
    return len(texts) == 2 and any(
        all(kind.fullmatch(text) for text in texts) and not any(_is_day(text) for text in texts)
        for kind in (_UUID, _MOMENT, _TEMPORARY)
    )


def fold_noise(
    old: Mapping[str, JsonValue], new: Mapping[str, JsonValue], keep: frozenset[str] = frozenset()
) -> frozenset[str]:
    """Return the names whose values differ by machine noise alone; names in `keep` (those with a promise) never do."""
    both = (name for name in old.keys() & new.keys() if old[name] != new[name] and name not in keep)
    return frozenset(name for name in both if is_noise(name, old[name], new[name]))


def _is_day(value: JsonValue) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None
