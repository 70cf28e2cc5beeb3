"""What differs between two sides beside the metrics: parameters, the KPI contract, recorded runs of stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mlops_kit.artifacts.dvcfiles import LockedStage
from mlops_kit.compare.model import StageChange, ValueChange
from mlops_kit.spec.kinds import JsonValue

PROVENANCE = ".mlops/provenance.yaml:"


def compare_values(old: Mapping[str, JsonValue], new: Mapping[str, JsonValue]) -> tuple[ValueChange, ...]:
    """Return the values that were added, removed or changed, by name."""
    changes = []
    for name in sorted(set(old) | set(new)):
        if name not in old:
            changes.append(ValueChange(name, None, new[name], "added"))
        elif name not in new:
            changes.append(ValueChange(name, old[name], None, "removed"))
        elif old[name] != new[name]:
            changes.append(ValueChange(name, old[name], new[name], "changed"))
    return tuple(changes)


def compare_contract(old: Mapping[str, JsonValue], new: Mapping[str, JsonValue]) -> tuple[ValueChange, ...]:
    """Return the edits of the KPI contract, each with the owner of its promise.

    The owner before the edit, so that nobody makes a promise theirs in order to change it; the new one of a new promise.
    """
    return tuple(
        replace(change, owner=_owner(old, change.name) or _owner(new, change.name))
        for change in compare_values(old, new)
    )


def _owner(values: Mapping[str, JsonValue], name: str) -> str:
    owner = values.get(f"{name.rpartition('.')[0]}.owner")
    return owner if isinstance(owner, str) else ""


def compare_stages(old: Mapping[str, LockedStage], new: Mapping[str, LockedStage]) -> tuple[StageChange, ...]:
    """Return the stages whose recorded run differs, with the reasons in words."""
    changes = []
    for name in sorted(set(old) | set(new)):
        if name not in old or name not in new:
            changes.append(StageChange(name, "added" if name in new else "removed", ()))
            continue
        reasons = _reasons(old[name], new[name])
        if reasons:
            changes.append(StageChange(name, "rerun", reasons))
        elif old[name].outs != new[name].outs:
            different = tuple(sorted(p for p in new[name].outs if new[name].outs[p] != old[name].outs.get(p)))
            changes.append(
                StageChange(
                    name,
                    "output",
                    tuple(f"{path} differs although nothing it reads does" for path in different),
                )
            )
    return tuple(changes)


def _reasons(old: LockedStage, new: LockedStage) -> tuple[str, ...]:
    reasons = ["its command"] if old.cmd != new.cmd else []
    reasons += [
        path for path in sorted(set(old.deps) | set(new.deps)) if old.deps.get(path) != new.deps.get(path)
    ]
    for name in sorted(set(old.params) | set(new.params)):
        before, after = old.params.get(name), new.params.get(name)
        if before != after:
            reasons.append(_param_reason(name, before, after))
    return tuple(reasons)


def _param_reason(name: str, before: JsonValue, after: JsonValue) -> str:
    if not name.startswith(PROVENANCE):
        return name.removeprefix("params.yaml:")
    kind, _, what = name.removeprefix(PROVENANCE).partition(".")
    shown = {"packages": what, "contracts": f"step {what}, contract", "runtime": what}.get(kind, name)
    return f"{shown} {before} -> {after}"
