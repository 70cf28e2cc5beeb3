"""Adding the planned files: all of them or none, and never in place of one that is there."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from mlops_kit.errors import RefusedError
from mlops_kit.project.adopt.model import AdoptPlan, FileState


def apply_plan(plan: AdoptPlan, *, edits: bool = False) -> tuple[str, ...]:
    """Write the new files of `plan`, and with `edits` make its edits; return the paths, relative to the top.

    Raises RefusedError, and writes nothing, when a file is in the way. After an interrupt or a failure everything is as before.
    """
    refuse_conflicts(plan)
    texts = {plan.survey.top / file.path: file.text.encode() for file in plan.new}
    changes = [(plan.survey.top / edit.path, edit) for edit in plan.edits] if edits else []
    for path, edit in changes:
        if path.read_bytes() != edit.before.encode():
            raise RefusedError(f"{edit.path} has changed meanwhile; nothing was written", fix="run it again")
    undo = _Undo()
    try:
        ready = [(undo.temporary(path, content), path) for path, content in texts.items()]
        replacing = [(undo.temporary(path, edit.after.encode()), path, edit) for path, edit in changes]
        for fresh, path in ready:
            undo.place(fresh, path)
        for fresh, path, edit in replacing:
            undo.replace(fresh, path, edit.before.encode())
    except BaseException:
        undo.everything()
        raise
    return (*(file.path for file in plan.new), *(edit.path for _, edit in changes))


def refuse_conflicts(plan: AdoptPlan) -> None:
    """Raise RefusedError naming every planned file that cannot be added."""
    ignored = [file.path for file in plan.files if file.state is FileState.IGNORED]
    if plan.conflicts:
        names = ", ".join(file.path for file in plan.conflicts)
        raise RefusedError(
            f"in the way, with other content: {names}; nothing was written",
            fix="move it away or rename it, then run it again",
        )
    if ignored:
        raise RefusedError(
            f"git ignores {', '.join(ignored)}; a file that is not committed would do nothing, so nothing was written",
            fix=f"see the rule: git check-ignore -v {ignored[0]}",
        )


class _Undo:
    """What was made so far, and how to take it back."""

    def __init__(self) -> None:
        self._folders: list[Path] = []
        self._temporary: list[Path] = []
        self._placed: list[Path] = []
        self._replaced: list[tuple[Path, bytes]] = []

    def temporary(self, target: Path, content: bytes) -> Path:
        """Write `content` to a new file beside `target` and return it."""
        missing = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
        for folder in reversed(missing):
            self._folders.append(folder)
            folder.mkdir(exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".mlops-kit-", suffix=".new")
        fresh = Path(name)
        self._temporary.append(fresh)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        fresh.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
        return fresh

    def place(self, fresh: Path, target: Path) -> None:
        """Give `fresh` its name, unless something has it: a link fails where a rename would replace."""
        try:
            os.link(fresh, target)
        except FileExistsError:
            raise RefusedError(
                f"{target} has appeared meanwhile; nothing was written", fix="run it again"
            ) from None
        except OSError:  # a file system without links
            if target.exists():
                raise RefusedError(
                    f"{target} has appeared meanwhile; nothing was written", fix="run it again"
                ) from None
            fresh.rename(target)
        self._placed.append(target)
        fresh.unlink(missing_ok=True)

    def replace(self, fresh: Path, target: Path, before: bytes) -> None:
        """Replace `target` by `fresh`."""
        self._replaced.append((target, before))
        os.replace(fresh, target)  # noqa: PTH105 - the one call that also replaces on Windows

    def everything(self) -> None:
        """Take back all that was done."""
        for path, before in self._replaced:
            path.write_bytes(before)
        for path in (*self._placed, *self._temporary):
            path.unlink(missing_ok=True)
        for folder in reversed(self._folders):
            with suppress(OSError):
                folder.rmdir()


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
