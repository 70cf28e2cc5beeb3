"""skops files: the schema and the arrays, read as JSON and npy; no type in them is imported."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from mlops_kit.compare.deviation.arrays import Tensor, read_tensor
from mlops_kit.compare.deviation.content import MOST_BYTES, Content, read_bounded
from mlops_kit.compare.deviation.findings import Findings, TooMuchError
from mlops_kit.compare.deviation.trees import TreeComparison, Typed

_SCHEMA = "schema.json"
_MOST_SCHEMA = 64 * 2**20


def explain_skops(old: Content, new: Content, found: Findings) -> None:
    """Compare two skops files: parameters by name, tensors by shape and value; addresses and dates in them do not count."""
    sides = []
    for content in (old, new):
        tree, versions = _read(content)
        sides.append((tree, versions))
    if sides[0][1] != sides[1][1]:
        found.change("skops version", sides[0][1], sides[1][1])
    TreeComparison(found, root="model").compare(sides[0][0], sides[1][0])
    if not found.count:
        found.say("the same parameters and tensors; addresses or dates of the container differ (known noise)")


def is_skops(content: Content) -> bool:
    """Return whether a zip archive is a skops file."""
    try:
        with content.open() as raw, zipfile.ZipFile(raw) as archive:
            return _SCHEMA in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False


def _read(content: Content) -> tuple[Any, Any]:
    members: dict[str, bytes] = {}
    left = MOST_BYTES
    with content.open() as raw, zipfile.ZipFile(raw) as archive:
        for info in archive.infolist():
            if info.filename in members:
                raise ValueError(f"member {info.filename!r} stands twice")
            with archive.open(info) as file:
                most = min(left, _MOST_SCHEMA) if info.filename == _SCHEMA else left
                members[info.filename] = read_bounded(file, most)  # type: ignore[arg-type]
            left -= len(members[info.filename])
    if _SCHEMA not in members:
        raise ValueError(f"it has no {_SCHEMA}")
    schema = json.loads(members[_SCHEMA])
    if not isinstance(schema, dict):
        raise ValueError(f"{_SCHEMA} holds no object")  # noqa: TRY004 - damaged data
    return _Reader(members).convert(schema), schema.get("_skops_version")


class _Reader:
    """Turns skops' nodes into named parts; ids become numbers in the order in which they first appear."""

    def __init__(self, members: dict[str, bytes]) -> None:
        self._members = members
        self._numbers: dict[Any, int] = {}
        self._count = 0

    def convert(self, node: Any) -> Any:
        self._count += 1
        if self._count > 2_000_000:
            raise TooMuchError("more than 2,000,000 nodes")
        if isinstance(node, list):
            return [self.convert(item) for item in node]
        if not isinstance(node, dict):
            return node
        loader = node.get("__loader__")
        if loader == "JsonNode" and isinstance(node.get("content"), str):
            return json.loads(node["content"])
        if loader == "CachedNode":
            return Typed("the same as part", {"number": self._numbers.get(node.get("__id__"))})
        if node.get("__id__") is not None:
            self._numbers.setdefault(node["__id__"], len(self._numbers))
        if isinstance(node.get("file"), str) and node["file"].endswith(".npy"):
            data = self._members[node["file"]]
            return read_tensor(io.BytesIO(data), size=len(data))
        content = self.convert(node.get("content"))
        name = f"{node.get('__module__')}.{node.get('__class__')}"
        if name in ("builtins.list", "builtins.tuple", "builtins.dict", "builtins.str"):
            return content
        if isinstance(content, dict | Typed):
            parts = content if isinstance(content, dict) else content.parts
            return Typed(name, {str(key): value for key, value in parts.items()})
        if "__class__" in node:
            rest = {
                key: self.convert(value)
                for key, value in node.items()
                if key not in ("__class__", "__module__", "__loader__", "__id__", "content", "file")
                and not key.startswith("_skops")
            }
            held = self._members[node["file"]] if node.get("file") in self._members else None
            return Typed(name, {**rest, "content": content if held is None else held})
        return {
            key: self.convert(value) for key, value in node.items() if key not in ("__id__", "content")
        } | ({"content": content} if content is not None else {})


def read_npz(content: Content) -> dict[str, Tensor]:
    """Return name -> array of an npz file."""
    made: dict[str, Tensor] = {}
    left = MOST_BYTES
    with content.open() as raw, zipfile.ZipFile(raw) as archive:
        for info in archive.infolist():
            with archive.open(info) as file:
                data = read_bounded(file, left)  # type: ignore[arg-type]
            left -= len(data)
            made[info.filename.removesuffix(".npy")] = read_tensor(io.BytesIO(data), size=len(data))
    return made


def explain_npz(old: Content, new: Content, found: Findings) -> None:
    """Compare two npz files, array by array."""
    TreeComparison(found, root="arrays").compare(read_npz(old), read_npz(new))
    if not found.count:
        found.say("the same arrays; dates or compression of the zip differ (known noise)")
