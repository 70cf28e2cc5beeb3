"""The built-in steps: what `uses:` may name, and the module behind each name."""

from __future__ import annotations

from pathlib import Path

CATALOG: dict[str, str] = {
    "acquire.file": "mlops_kit.steps.data.acquire_file",
    "acquire.files": "mlops_kit.steps.data.acquire_files",
    "acquire.http": "mlops_kit.steps.data.acquire_http",
    "acquire.sql": "mlops_kit.steps.data.acquire_sql",
    "acquire.objects": "mlops_kit.steps.data.acquire_objects",
    "clean.rules": "mlops_kit.steps.data.clean_rules",
    "features.calendar": "mlops_kit.steps.data.features_calendar",
    "label.column": "mlops_kit.steps.labels.label_column",
    "label.functions": "mlops_kit.steps.labels.label_functions",
    "label.combined": "mlops_kit.steps.labels.label_combined",
    "label.events": "mlops_kit.steps.labels.label_events",
    "split.group": "mlops_kit.steps.data.split_group",
    "split.hash": "mlops_kit.steps.data.split_hash",
    "split.time": "mlops_kit.steps.data.split_time",
    "train.boosting": "mlops_kit.steps.model.train_boosting",
    "evaluate.classification": "mlops_kit.steps.model.evaluate_classification",
    "evaluate.regression": "mlops_kit.steps.model.evaluate_regression",
    "validate.kpis": "mlops_kit.steps.post.validate_kpis",
    "package.bundle": "mlops_kit.steps.post.package_bundle",
    "deploy.manifests": "mlops_kit.steps.post.deploy_manifests",
    "monitor.drift": "mlops_kit.steps.post.monitor_drift",
    "retrain.policy": "mlops_kit.steps.post.retrain_policy",
}


def module_file(module: str) -> Path:
    """Return the source file of a built-in step's module, without importing it."""
    package = Path(__file__).resolve().parent.parent.parent
    return package.joinpath(*module.split(".")).with_suffix(".py")
