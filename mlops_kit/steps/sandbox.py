"""Watching and confining a stage that is any program: the command runs below a small process that watches, or confines itself first.

`python -m mlops_kit.steps.sandbox --dep PATH --out PATH ... -- COMMAND` for a command with given declarations;
`python -m mlops_kit.steps.sandbox --stage -c COMMAND` as the shell of DVC, which names the stage in DVC_STAGE.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mlops_kit.errors import MlopsKitError
from mlops_kit.outside.shell import plain_options, run_shell
from mlops_kit.spec.model import StepUse
from mlops_kit.steps.watch.declared import Declared
from mlops_kit.steps.watch.mode import MODE, WatchMode, watch_mode

LAUNCHER = ".dvc/tmp/mlops-kit/shell"


def sandbox_command(
    cmd: str, root: Path, deps: Iterable[str], outs: Iterable[str], *, stage: str = ""
) -> list[str]:
    """Return a command that runs the command line `cmd` in `root`, confined to `deps` and `outs`, as `stage`.

    It ends with the exit code of `cmd`, or 6 when something undeclared was used; where the system cannot confine, it watches. MLOPS_KIT_WATCH and
    MLOPS_KIT_TRACE work as for every stage; the mode is `refuse` by default.
    """
    named = [word for path in deps for word in ("--dep", path)] + [
        word for path in outs for word in ("--out", path)
    ]
    return [
        *_module(),
        "--root",
        str(root),
        "--name",
        stage or "command",
        *named,
        "--",
        cmd,
    ]


def watching_variables(root: Path, steps: Mapping[str, StepUse], *, hermetic: bool) -> dict[str, str]:
    """Return the environment variables under which DVC runs the stages of the project at `root` watched, plain commands too.

    The mode is `refuse` when `hermetic`, else what MLOPS_KIT_WATCH says.
    """
    mode = WatchMode.REFUSE if hermetic else watch_mode(os.environ)
    if mode is WatchMode.OFF:
        return {MODE: mode.value}
    own = [name for name, use in steps.items() if use.uses is not None]
    shell = watching_shell(root, own, os.environ.get("SHELL") or "/bin/sh")
    return {MODE: mode.value, **({"SHELL": str(shell)} if shell else {})}


def watching_shell(root: Path, stages: Sequence[str], base_shell: str) -> Path | None:
    """Write a shell for DVC that watches every stage but `stages`, which watch themselves; return it.

    None where DVC does not ask for a shell (Windows) or the folder of DVC's temporary files is missing.
    """
    if os.name == "nt" or not (root / ".dvc").is_dir():
        return None
    path = root / LAUNCHER
    path.parent.mkdir(parents=True, exist_ok=True)
    watching = shlex.join([*_module(), "--stage"])
    shell = shlex.join([base_shell, *plain_options(base_shell)])
    own = "|".join(shlex.quote(stage) for stage in stages) or "''"
    text = (
        "#!/bin/sh\n"
        f"export SHELL={shlex.quote(base_shell)}\n"
        f'case "$DVC_STAGE" in\n  {own}) exec {shell} "$@" ;;\nesac\n'
        f'exec {watching} "$@"\n'
    )
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        fresh = path.with_name(f"shell.{os.getpid()}")
        fresh.write_text(text, encoding="utf-8", newline="\n")
        fresh.chmod(0o755)
        fresh.replace(path)
    return path


def main(arguments: Sequence[str]) -> int:
    """Run what `arguments` say and return the exit code of this process."""
    given = _parser().parse_args(arguments)
    root = Path(os.environ["DVC_ROOT"] if given.stage else given.root).resolve()
    declared = _declared(given, root)
    command = given.c if given.stage else " ".join(given.command)
    try:
        return _run(command, root, declared, refuse_by_default=not given.stage)
    except MlopsKitError as error:
        sys.stderr.write(f"error: stage {declared.stage}: {error.message}\n")
        if error.fix:
            sys.stderr.write(f"  fix: {error.fix}\n")
        return int(error.exit_code)


def _run(command: str, root: Path, declared: Declared, *, refuse_by_default: bool) -> int:
    from mlops_kit.steps.watch.places import Places
    from mlops_kit.steps.watch.session import Session

    mode = watch_mode(os.environ, WatchMode.REFUSE if refuse_by_default else WatchMode.WARN)
    cwd = Path.cwd() if not refuse_by_default else root
    shell = os.environ.get("SHELL") or "/bin/sh"
    if mode is WatchMode.OFF:
        return run_shell(command, shell=shell, cwd=cwd, env=os.environ).code
    portable = os.environ.get("MLOPS_KIT_WATCH_MECHANISMS") == "portable"
    session = Session(root, declared, mode, Places(root), portable=portable)
    session.start(python=False)
    done = run_shell(command, shell=shell, cwd=cwd, env=os.environ, listen=mode is WatchMode.REFUSE)
    if done.code:
        session.learn(done.complaints)
    session.finish()
    if done.code and mode is WatchMode.REFUSE:
        sys.stderr.write(
            f"note: stage {declared.stage} ran confined to what it declares; without --hermetic (MLOPS_KIT_WATCH=warn) "
            "it runs on, and everything undeclared is listed\n"
        )
    return done.code


def _declared(given: argparse.Namespace, root: Path) -> Declared:
    from mlops_kit.steps.watch.declared import declare, declared_in_pipeline

    if not given.stage:
        return declare(given.name, deps=given.dep, outs=given.out)
    stage = os.environ["DVC_STAGE"]
    return declared_in_pipeline(root, stage) or declare(stage, deps=[""], outs=[""])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mlops_kit.steps.sandbox")
    parser.add_argument("--stage", action="store_true")
    parser.add_argument("-c")
    parser.add_argument("--root", default=".")
    parser.add_argument("--name", default="command")
    parser.add_argument("--dep", action="append", default=[])
    parser.add_argument("--out", action="append", default=[])
    parser.add_argument("command", nargs="*")
    return parser


def _module() -> list[str]:
    return [sys.executable, "-P", "-m", "mlops_kit.steps.sandbox"]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
