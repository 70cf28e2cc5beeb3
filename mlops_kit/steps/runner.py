"""Running one stage: read what the signature names, call the function, write what it returns.

A step file is its own entry point: its last lines call `run(function)`, so tracebacks start in the user's code and a debugger works.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from mlops_kit.artifacts.kinds import KINDS, load_artifact, save_artifact
from mlops_kit.errors import MlopsKitError, SpecError
from mlops_kit.spec.model import StepUse
from mlops_kit.steps.contract import StepContract, read_contract
from mlops_kit.steps.recorded import check_code, check_environment

if TYPE_CHECKING:
    from mlops_kit.steps.watch.declared import Declared

F = TypeVar("F", bound=Callable[..., Any])


@overload
def step(function: F) -> F: ...
@overload
def step(*, contract: int = 1, frozen: bool = False) -> Callable[[F], F]: ...
def step(
    function: F | None = None,
    *,
    contract: int = 1,
    frozen: bool = False,  # noqa: ARG001 - read from the source, as `contract` is
) -> F | Callable[[F], F]:
    """Mark a function as the step of its file.

    `contract` is an integer that the author raises when the same inputs can give other outputs; stages that use the step then
    run again. `frozen` says that what it writes is fetched on purpose, by `mlops-kit acquire`, from what the function `source` of the same
    file names; an ordinary run leaves the stage alone, and the function only puts the recorded partitions together. The function itself is returned unchanged: a test calls it like any other.
    """
    if contract < 1:
        raise ValueError("contract versions start at 1")
    return function if function is not None else lambda f: f


def run(function: Callable[..., Any]) -> None:
    """Run `function` as the stage named by the first command-line argument, else by the function's name.

    To be called under `if __name__ == "__main__":` in the project folder. Ends the process with the exit code of the error's
    family; errors of the step's own code keep their traceback.
    """
    stage = sys.argv[1] if len(sys.argv) > 1 else function.__name__
    try:
        run_stage(function, stage, root=Path.cwd())
    except MlopsKitError as error:
        sys.stderr.write(f"error: stage {stage}: {error.message}\n")
        if error.fix:
            sys.stderr.write(f"  fix: {error.fix}\n")
        raise SystemExit(int(error.exit_code)) from None


def run_stage(function: Callable[..., Any], stage: str, *, root: Path) -> None:
    """Run `function` as `stage` of the project at `root`, in the fixed stage environment.

    Raises StaleError when the environment is not the recorded one, SpecError and BadDataError when inputs cannot be used,
    RefusedError when another process still runs the stage.
    """
    from mlops_kit.outside.hold import hold_stage
    from mlops_kit.spec.load import read_lifecycle, read_params
    from mlops_kit.steps.environment import ensure_stage_environment
    from mlops_kit.steps.watch import watching

    hold_stage(root, stage)
    lifecycle = read_lifecycle(root)
    use = lifecycle.steps.get(stage, StepUse())
    ensure_stage_environment(threads=lifecycle.runtime.threads, declared=use.environment, stage=stage)
    _limit_arrow_threads(int(os.environ["ARROW_NUM_THREADS"]))
    if stage not in lifecycle.steps:
        known = ", ".join(lifecycle.steps)
        raise SpecError(f"no stage `{stage}`", where="mlops.yaml", fix=f"one of: {known}")
    contract = read_contract(Path(function.__code__.co_filename))
    check_environment(root, stage)
    check_code(root, stage, use, contract, read_params(root).get(stage))
    with watching(root, _declared(function, contract, stage, use, root)) as watch:
        values = [load_artifact(kind, root / path) for kind, path in _input_paths(contract, use)]
        result = function(*values, **_settings(function, contract, stage, root))
        if watch:
            watch.check()
        _write_outputs(contract, use.outputs, result, root)


def _input_paths(contract: StepContract, use: StepUse) -> list[tuple[str, str]]:
    """Return kind and path of each input."""
    return [(ref.kind, KINDS[ref.kind].locate(use.inputs.get(ref.name, ref.name))) for ref in contract.inputs]


def _declared(
    function: Callable[..., Any], contract: StepContract, stage: str, use: StepUse, root: Path
) -> Declared:
    """Return what dvc.yaml declares for `stage`, or the signature where the stage is not in it."""
    from mlops_kit.steps.watch.declared import declare, declared_in_pipeline

    file = Path(function.__code__.co_filename).resolve()
    own = [file.relative_to(root.resolve()).as_posix()] if root.resolve() in file.parents else []
    return declared_in_pipeline(root, stage) or declare(
        stage,
        deps=[*own, *use.deps, *(path for _, path in _input_paths(contract, use))],
        outs=[KINDS[ref.kind].locate(use.outputs.get(ref.name, ref.name)) for ref in contract.outputs],
        environment=use.environment,
        network=use.network,
    )


def _settings(function: Callable[..., Any], contract: StepContract, stage: str, root: Path) -> dict[str, Any]:
    from mlops_kit.spec import load

    settings: dict[str, Any] = {}
    if "task" in contract.spec_inputs:
        settings["task"] = load.read_lifecycle(root).task
    if "schema" in contract.spec_inputs:
        settings["schema"] = load.read_schema(root)
    if "kpis" in contract.spec_inputs:
        settings["kpis"] = load.read_kpis(root)
    if "labelling" in contract.spec_inputs:
        settings["labelling"] = load.read_labelling(root)
    if contract.frozen:
        from mlops_kit.data.partitions.gather import Manifest

        output = contract.outputs[0]
        use = load.read_lifecycle(root).steps[stage]
        folder = KINDS[output.kind].locate(use.outputs.get(output.name, output.name))
        settings["manifest"] = Manifest(stage, Path(folder), root)
    if contract.params_class:
        section = load.read_params(root).get(stage, {})
        cls = function.__globals__.get(contract.params_class)
        settings["params"] = (
            load.load_dataclass(cls, section, where=f"params.yaml ({stage})")
            if isinstance(cls, type) and hasattr(cls, "__dataclass_fields__")
            else section
        )
    return settings


def _write_outputs(contract: StepContract, renames: Mapping[str, str], result: Any, root: Path) -> None:
    values = list(result) if isinstance(result, tuple) else [result]
    if len(values) != len(contract.outputs):
        raise SpecError(
            f"`{contract.function}` returned {len(values)} values, its signature names {len(contract.outputs)}",
            where=contract.function,
        )
    for ref, value in zip(contract.outputs, values, strict=True):
        save_artifact(ref.kind, value, root / KINDS[ref.kind].locate(renames.get(ref.name, ref.name)))


def _limit_arrow_threads(threads: int) -> None:
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        arrow.set_cpu_count(threads)
