"""From what stages were seen to use, to declarations in mlops.yaml: a few lines change, comments and form stay."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.errors import MlopsKitError, UsageError
from mlops_kit.spec.load import LIFECYCLE, load_lifecycle
from mlops_kit.spec.model import StepUse
from mlops_kit.spec.yamlfile import compose_yaml, dump_yaml
from mlops_kit.steps.watch.findings import Finding, FindingKind, describe_finding
from mlops_kit.steps.watch.trace import read_trace, traced_stages


@dataclass(frozen=True)
class Proposal:
    """What mlops.yaml should say, and what cannot be said there."""

    text: str
    """The new mlops.yaml."""
    diff: str
    """How it differs from the present one, as a unified diff; empty when nothing is missing."""
    left: tuple[tuple[str, str, str], ...]
    """Stage, finding and reason of what has to be mended by hand."""


def propose_declarations(root: Path) -> Proposal:
    """Return mlops.yaml with the declarations that the kept traces of stages miss.

    Raises UsageError when no stage was watched yet, SpecError when mlops.yaml cannot be used.
    """
    before = (root / LIFECYCLE).read_text(encoding="utf-8")
    stages = traced_stages(root)
    if not stages:
        raise UsageError("no stage was watched here yet", fix="mlops-kit run --force")
    text, left = before, list[tuple[str, str, str]]()
    for stage in stages:
        trace = read_trace(root, stage)
        use = load_lifecycle(text).steps.get(stage)
        if trace is None or not trace.findings:
            continue
        if use is None:
            left += [(stage, describe_finding(f), "the stage is not in mlops.yaml") for f in trace.findings]
            continue
        wanted, reasons = _wanted(root, use, trace.findings)
        left += [(stage, describe_finding(finding), reason) for finding, reason in reasons]
        for key, values in wanted.items():
            text = add_to_step(text, stage, key, values)
    return Proposal(text, _diff(before, text), tuple(left))


def _wanted(
    root: Path, use: StepUse, findings: Sequence[Finding]
) -> tuple[Mapping[str, tuple[str, ...]], list[tuple[Finding, str]]]:
    """Return what to add under which key of the step, and what cannot be declared with the reason."""
    wanted: dict[str, list[str]] = {}
    left: list[tuple[Finding, str]] = []
    for finding in findings:
        if finding.kind is FindingKind.ENVIRONMENT:
            left.append(
                (
                    finding,
                    f"a credential or an address: write `environment: [{finding.name}]`; else: params.yaml",
                )
            )
        elif finding.kind is FindingKind.NETWORK:
            left.append((finding, "if the stage may depend on it, write `network: true` under the step"))
        elif finding.kind is FindingKind.WRITE and use.cmd is None:
            left.append((finding, "outputs of a Python step stand in its signature; return it instead"))
        elif Path(finding.name).is_absolute():
            left.append(
                (finding, "it is outside of the project; copy it in, or name it under `deps:` yourself")
            )
        elif finding.name == "./":
            left.append((finding, "name the files instead of listing the project"))
        elif not (root / finding.name).exists():
            left.append((finding, "there is no such file; a dependency must exist"))
        else:
            key = "outs" if finding.kind is FindingKind.WRITE else "deps"
            wanted.setdefault(key, []).append(finding.name.rstrip("/"))
    return {key: _without_covered(getattr(use, key), values) for key, values in wanted.items()}, left


def _without_covered(present: Sequence[str], values: Sequence[str]) -> tuple[str, ...]:
    """Return `values` without what is there already, and without files of a folder that is named itself."""
    named = {*present, *values}
    return tuple(
        value
        for value in dict.fromkeys(values)
        if value not in present and not any(value.startswith(f"{folder.rstrip('/')}/") for folder in named)
    )


def add_to_step(text: str, stage: str, key: str, values: Sequence[str]) -> str:
    """Return `text`, an mlops.yaml, with `values` added to the list `key` of `stage`; everything else stays as it is, byte for byte.

    Raises UsageError when the file is written in a way that cannot be changed safely.
    """
    if not values:
        return text
    use = load_lifecycle(text).steps[stage]
    wanted = StepUse(**{**vars(use), key: (*getattr(use, key), *values)})
    for changed in _attempts(text, stage, key, values):
        try:
            steps = load_lifecycle(changed).steps
        except MlopsKitError:
            continue
        if steps == {**load_lifecycle(text).steps, stage: wanted}:
            return changed
    raise UsageError(
        f"mlops.yaml could not be changed safely at step `{stage}`",
        fix=f"add under it: {key}: [{', '.join(getattr(wanted, key))}]",
    )


def _attempts(text: str, stage: str, key: str, values: Sequence[str]) -> Iterator[str]:
    """Yield texts of which one should say what is wanted: for lists and steps in flow form, then in block form."""
    lines = text.splitlines(keepends=True)
    places = compose_yaml(text, where=LIFECYCLE).lines
    quoted = [dump_yaml([value])[2:].rstrip("\n").removeprefix("- ") for value in values]
    inline = ", ".join(quoted)
    first = places[("steps", stage)] - 1
    if ("steps", stage, key) in places:
        at = places[("steps", stage, key)] - 1
        for changed in (
            re.sub(
                rf"(\b{key}:\s*\[[^\]]*[^\]\s,])\s*,?\s*\]", rf"\g<1>, {_plain(inline)}]", lines[at], count=1
            ),
            re.sub(rf"(\b{key}:\s*\[)\s*\]", rf"\g<1>{_plain(inline)}]", lines[at], count=1),
        ):
            yield "".join([*lines[:at], changed, *lines[at + 1 :]])
        last = max(line for path, line in places.items() if path[:3] == ("steps", stage, key)) - 1
        indent = lines[last][: len(lines[last]) - len(lines[last].lstrip())]
        yield _inserted(lines, last, [f"{indent}- {value}\n" for value in quoted])
        return
    changed = re.sub(
        rf"^(\s*['\"]?{re.escape(stage)}['\"]?:\s*\{{.*?)\s*\}}(\s*(?:#.*)?)$",
        rf"\g<1>, {key}: [{_plain(inline)}]}}\g<2>",
        lines[first],
        count=1,
    )
    yield "".join([*lines[:first], changed, *lines[first + 1 :]])
    inner = [line for path, line in places.items() if path[:2] == ("steps", stage) and len(path) > 2]
    if inner:
        last = max(inner) - 1
        top = lines[min(inner) - 1]
        indent = top[: len(top) - len(top.lstrip())]
        yield _inserted(lines, last, [f"{indent}{key}: [{inline}]\n"])


def _inserted(lines: list[str], after: int, new: list[str]) -> str:
    before = [*lines[: after + 1]]
    if not before[-1].endswith("\n"):
        before[-1] += "\n"
    return "".join([*before, *new, *lines[after + 1 :]])


def _plain(text: str) -> str:
    """Return `text` for the replacement side of a regular expression."""
    return text.replace("\\", "\\\\")


def _diff(before: str, after: str) -> str:
    return "".join(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            fromfile=LIFECYCLE,
            tofile=f"{LIFECYCLE} with what stages use",
        )
    )
