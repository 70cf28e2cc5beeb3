"""One file of an update: from the text as it was made, yours and the template's new one to what is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlops_kit.errors import RefusedError
from mlops_kit.project.record import OpenConflict, digest, read_exact
from mlops_kit.project.update.merge import Merged, Versions, has_markers, merge_file, why_not
from mlops_kit.project.update.model import FileChange, Outcome

PROPOSAL = ".update"


@dataclass(frozen=True)
class Situation:
    """What is known of one file before it is decided."""

    path: str
    """The file."""
    base: str | None
    """Its text as the template made it, None when it did not."""
    yours: str | None
    """Its text in the project, None when it is not there."""
    theirs: str | None
    """Its text as the template makes it now, None when it does not any more."""
    pending: OpenConflict | None = None
    """The merge that waits since the last update."""
    proposal: str | None = None
    """Text of the proposal beside it, None without one."""
    link: bool = False
    """Whether the file is a symbolic link, or lies behind one outside of the project; it is left alone."""


@dataclass(frozen=True)
class Decision:
    """What is done with one file. `base` is what is remembered as its text as it was made, None when it is forgotten."""

    base: str | None
    change: FileChange | None = None
    """What is said; None for a file with which nothing happens."""
    text: str | None = None
    """What is written; None leaves the file as it is."""
    remove: bool = False
    """Whether the file is removed."""
    proposal: str | None = None
    """What is written beside it."""
    pending: OpenConflict | None = None
    """The merge that waits from now on."""
    solved: bool = False
    """Whether the proposal beside it has done its service."""


@dataclass(frozen=True)
class Choice:
    """How files are decided in this update."""

    keep: frozenset[str] = frozenset()
    """Files of which yours is right."""
    take: frozenset[str] = frozenset()
    """Files of which the template's is right."""
    old: str = ""
    """Version of mlops-kit that the base is from."""
    new: str = ""
    """The installed version."""


def look_at(
    root: Path, path: str, base: str | None, theirs: str | None, pending: OpenConflict | None
) -> Situation:
    """Return what is known of the file `path` of the project at `root`."""
    proposal = root / f"{path}{PROPOSAL}"
    return Situation(
        path,
        base,
        read_exact(root / path) if (root / path).is_file() else None,
        theirs,
        pending,
        read_exact(proposal) if proposal.is_file() else None,
        not (root / path).resolve().is_relative_to(root.resolve()) or (root / path).is_symlink(),
    )


def decide_file(now: Situation, choice: Choice) -> Decision:
    """Return what becomes of a file. Raises RefusedError when a proposal would overwrite a file that no update wrote."""
    if now.link:
        return _linked(now)
    if now.theirs is None:
        return _gone(now)
    if now.path in choice.take:
        return Decision(
            now.theirs, _said(now, Outcome.UPDATED, "the template's, as you said"), now.theirs, solved=True
        )
    if now.yours is None:
        return _missing(now, now.theirs)
    if now.path in choice.keep:
        return Decision(now.theirs, _said(now, Outcome.KEPT, "yours, as you said"), solved=True)
    if now.base is not None and digest(now.base) == digest(now.theirs):
        return Decision(now.theirs, solved=now.pending is not None)
    if digest(now.yours) == digest(now.theirs):
        return Decision(now.theirs, solved=now.pending is not None)
    if now.pending is not None and now.pending.theirs == digest(now.theirs):
        return _continue(now, now.pending, now.yours, now.theirs, choice)
    if now.base is not None and digest(now.yours) == digest(now.base):
        return Decision(now.theirs, _said(now, Outcome.UPDATED), _ends_like(now.yours, now.theirs))
    return _merge(now, now.yours, now.theirs, choice)


def _linked(now: Situation) -> Decision:
    if now.theirs is None or (now.base is not None and digest(now.base) == digest(now.theirs)):
        return Decision(now.theirs)
    return Decision(now.theirs, _said(now, Outcome.KEPT, "a symbolic link, which is left alone"))


def _gone(now: Situation) -> Decision:
    """Decide on a file that the template does not have any more."""
    if now.yours is None or now.base is None:
        return Decision(None)
    if digest(now.yours) == digest(now.base):
        return Decision(
            None, _said(now, Outcome.REMOVED, "the template does not have it any more"), remove=True
        )
    return Decision(
        None, _said(now, Outcome.KEPT, "the template does not have it any more; it has changes of yours")
    )


def _missing(now: Situation, theirs: str) -> Decision:
    """Decide on a file that is not in the project: new in the template, or removed by its people, which stays so."""
    if now.base is None:
        return Decision(theirs, _said(now, Outcome.ADDED, "new in the template"), theirs)
    return Decision(theirs)


def _merge(now: Situation, yours: str, theirs: str, choice: Choice) -> Decision:
    merged = merge_file(Versions(now.path, now.base or "", yours, theirs), old=choice.old, new=choice.new)
    if merged.text is not None:
        return Decision(theirs, _said(now, Outcome.MERGED), merged.text, solved=now.pending is not None)
    return _conflict(now, merged, yours, theirs)


def _conflict(now: Situation, merged: Merged, yours: str, theirs: str) -> Decision:
    ours = (
        now.pending is not None and now.proposal is not None and digest(now.proposal) == now.pending.proposal
    )
    if now.proposal is not None and not ours:
        raise RefusedError(
            f"{now.path}{PROPOSAL} exists and is not what an update wrote; a proposal would overwrite it",
            fix=f"move {now.path}{PROPOSAL} away or delete it; then `mlops-kit update`",
        )
    detail = merged.reason if now.base is not None else "you and the template both made it"
    pending = OpenConflict(digest(yours), digest(theirs), digest(merged.proposal))
    said = FileChange(now.path, Outcome.CONFLICT, detail, merged.lines, f"{now.path}{PROPOSAL}")
    return Decision(now.base, said, proposal=merged.proposal, pending=pending)


def _continue(now: Situation, pending: OpenConflict, yours: str, theirs: str, choice: Choice) -> Decision:
    """Decide on a file whose conflict was found before: did somebody solve it?

    Solved is a proposal without markers beside an unchanged file, and a changed file without a proposal.
    """
    edited = digest(yours) != pending.yours
    if now.proposal is None:
        if edited and not has_markers(yours):
            return Decision(theirs, _said(now, Outcome.SOLVED, "as you edited it"))
        if not edited:
            return _merge(now, yours, theirs, choice)
        return _waits(now, pending, "it still holds conflict markers")
    if has_markers(now.proposal):
        if edited:
            return _waits(
                now, pending, f"it was edited: delete {now.path}{PROPOSAL} to say that it is right as it is"
            )
        return _waits(now, pending, f"{now.path}{PROPOSAL} still holds conflict markers")
    if edited and digest(yours) != digest(now.proposal):
        return _waits(
            now,
            pending,
            f"both were edited: delete {now.path}{PROPOSAL} to keep yours, or undo your change of {now.path}",
        )
    if reason := why_not(now.path, now.proposal):
        return _waits(now, pending, f"{now.path}{PROPOSAL}: {reason}")
    return Decision(
        theirs, _said(now, Outcome.SOLVED, f"as in {now.path}{PROPOSAL}"), now.proposal, solved=True
    )


def _waits(now: Situation, pending: OpenConflict, detail: str) -> Decision:
    return Decision(
        now.base, FileChange(now.path, Outcome.CONFLICT, detail, (), f"{now.path}{PROPOSAL}"), pending=pending
    )


def _said(now: Situation, outcome: Outcome, detail: str = "") -> FileChange:
    return FileChange(now.path, outcome, detail)


def _ends_like(yours: str, theirs: str) -> str:
    return theirs.replace("\n", "\r\n") if "\r\n" in yours else theirs
