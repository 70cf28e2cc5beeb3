"""The project's own tests."""

from pathlib import Path

from mlops_kit.generate import Sources, generate_pipeline
from mlops_kit.spec.load import read_kpis, read_lifecycle, read_params, read_schema

ROOT = Path(__file__).parent.parent


def test_every_stage_is_generated():
    lifecycle = read_lifecycle(ROOT)
    pipeline = generate_pipeline(Sources(ROOT, lifecycle, read_params(ROOT)))["dvc.yaml"]
    assert all(f"\n  {stage}:\n" in pipeline for stage in lifecycle.steps)


def test_the_contracts_can_be_used():
    assert read_kpis(ROOT).kpis
    assert set(read_lifecycle(ROOT).task.key) <= set(read_schema(ROOT).columns)
