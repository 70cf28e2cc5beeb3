"""The program that git starts to merge a file which a run has written: `python -m mlops_kit.cli.merge_driver BASE OURS THEIRS PATH`.

`mlops-kit merge install` writes the line into the clone's git configuration. It loads as little as it can: a rebase starts it for
each file of each commit. Any exit code but 0 leaves OURS as it was, and the shell line goes on to `git merge-file`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from mlops_kit.errors import MlopsKitError


def drive(arguments: Sequence[str], top: Path) -> int:
    """Merge BASE, OURS and THEIRS (files) into OURS, for PATH relative to `top`; return 0, or 1 when git is to merge by lines."""
    base, ours, theirs, path = arguments
    from mlops_kit.project.merging import merge_file

    try:
        made = merge_file(top, path, *((top / file).read_bytes() for file in (base, ours, theirs)))
    except MlopsKitError as error:
        sys.stderr.write(f"mlops-kit: {error.message}; merged by lines\n")
        return 1
    except Exception as error:  # noqa: BLE001 - the edge: whatever happens, git merges as it would without us
        sys.stderr.write(f"mlops-kit: {path}: unexpected {type(error).__name__}: {error}; merged by lines\n")
        return 1
    (top / ours).write_bytes(made.content)
    if made.dropped:
        shown = ", ".join(made.dropped[:6]) + (", …" if len(made.dropped) > 6 else "")
        sys.stderr.write(f"mlops-kit: {path}: both sides changed {shown}; `mlops-kit run` brings it back\n")
    return 0


if __name__ == "__main__":
    sys.exit(drive(sys.argv[1:], Path.cwd()))
