"""What differs between two sides beside the metrics: parameters, the KPI contract, recorded runs of stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mlops_kit.artifacts.dvcfiles import LockedStage
from mlops_kit.compare.model import StageChange, ValueChange
from mlops_kit.spec.kinds import JsonValue

PROVENANCE = ".mlops/provenance.yaml:"
CONTRACTS = f"{PROVENANCE}contracts."


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


def compare_stages(
    old: Mapping[str, LockedStage], new: Mapping[str, LockedStage], *, kits: tuple[str, str] = ("", "")
) -> tuple[StageChange, ...]:
    """Return the stages whose recorded run differs, with the reasons in words, a changed contract first.

    `kits` are the versions of mlops-kit on both sides, for the words on contracts; empty where they are not known.
    """
    changes = []
    for name in sorted(set(old) | set(new)):
        if name not in old or name not in new:
            changes.append(StageChange(name, "added" if name in new else "removed", ()))
            continue
        reasons = _reasons(old[name], new[name], kits)
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


def contract_notes(
    old: Mapping[str, LockedStage],
    new: Mapping[str, LockedStage],
    changes: Iterable[StageChange],
    *,
    kits: tuple[str, str] = ("", ""),
) -> tuple[str, ...]:
    """Return a sentence for each built-in step whose contract differs: a cause that is in no file of the project.

    It names the stages of `changes` that ran for nothing else than what such a step wrote, directly or through others.
    """
    notes = []
    for name in sorted(set(old) & set(new)):
        moved = _moved_contract(old[name], new[name])
        if moved is not None:
            after = _after(name, new, changes)
            what = f"{name} ran because its contract {'rose' if moved.new > moved.old else 'fell'} {moved.old} -> {moved.new}"
            then = f", and {', '.join(after)} because of what it wrote" if after else ""
            notes.append(
                f"{what}{_kit_words(kits)}{then}: outputs can differ although data, parameters and code do not"
            )
    return tuple(notes)


def _after(name: str, new: Mapping[str, LockedStage], changes: Iterable[StageChange]) -> list[str]:
    """Return the stages that ran only because of what `name` wrote, or what those wrote, in the order in which that was found."""
    waiting = [
        change for change in changes if change.kind == "rerun" and change.reasons and change.name != name
    ]
    written = set(new[name].outs)
    found: list[str] = []
    while ready := [change for change in waiting if written.issuperset(change.reasons)]:
        found += [change.name for change in ready]
        written.update(path for change in ready for path in new[change.name].outs)
        waiting = [change for change in waiting if change not in ready]
    return found


@dataclass(frozen=True)
class _Moved:
    old: int
    new: int


def _moved_contract(old: LockedStage, new: LockedStage) -> _Moved | None:
    for name in sorted(set(old.params) & set(new.params)):
        before, after = old.params[name], new.params[name]
        if (
            name.startswith(CONTRACTS)
            and before != after
            and isinstance(before, int)
            and isinstance(after, int)
        ):
            return _Moved(before, after)
    return None


def _reasons(old: LockedStage, new: LockedStage, kits: tuple[str, str]) -> tuple[str, ...]:
    names = sorted(set(old.params) | set(new.params), key=lambda name: (not name.startswith(CONTRACTS), name))
    changed = [name for name in names if old.params.get(name) != new.params.get(name)]
    contracts = [
        _contract_reason(old.params.get(name), new.params.get(name), kits)
        for name in changed
        if name.startswith(CONTRACTS)
    ]
    reasons = [*contracts, *(["its command"] if old.cmd != new.cmd else [])]
    reasons += [
        path for path in sorted(set(old.deps) | set(new.deps)) if old.deps.get(path) != new.deps.get(path)
    ]
    reasons += [
        _param_reason(name, old.params.get(name), new.params.get(name))
        for name in changed
        if not name.startswith(CONTRACTS)
    ]
    return tuple(reasons)


def _contract_reason(before: JsonValue, after: JsonValue, kits: tuple[str, str]) -> str:
    if before is None:
        return f"the built-in step (contract {after})"
    if after is None:
        return f"a step of its own instead of the built-in one (contract {before})"
    return f"contract {before} -> {after}{_kit_words(kits)}"


def _kit_words(kits: tuple[str, str]) -> str:
    return f" (mlops-kit {kits[0]} -> {kits[1]})" if all(kits) and kits[0] != kits[1] else ""


def _param_reason(name: str, before: JsonValue, after: JsonValue) -> str:
    if not name.startswith(PROVENANCE):
        return name.removeprefix("params.yaml:")
    kind, _, what = name.removeprefix(PROVENANCE).partition(".")
    return f"{what if kind in ('packages', 'runtime') else name} {before} -> {after}"
