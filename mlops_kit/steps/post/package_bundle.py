"""Package the model as a folder that can be moved, checked and served.

Writes `models/bundle/`: the model, its signature, a card, a stand-alone scoring program with the packages it needs, and the
checksums of all of them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from mlops_kit import (
    TRUSTED_TYPES,
    Arrow,
    Bundle,
    Document,
    Metrics,
    Model,
    Task,
    canonical_json,
    dump_model,
    feature_columns,
    run,
    step,
)

if TYPE_CHECKING:
    import pyarrow as pa

PREDICT = '''\
"""Score a CSV or Parquet file with this bundle: python predict.py INPUT OUTPUT.csv

Needs what requirements.txt beside it names, and not mlops-kit. Refuses to start when a file of the bundle was changed.
"""

import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRUSTED = {trusted}


def main(source, target):
    for line in (HERE / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, name = line.split("  ", 1)
        if hashlib.sha256((HERE / name).read_bytes()).hexdigest() != digest:
            sys.exit(f"error: {{name}} is not the file that was packaged")
    import pandas as pd
    import skops.io as sio

    signature = json.loads((HERE / "signature.json").read_text(encoding="utf-8"))
    rows = pd.read_parquet(source) if source.endswith(".parquet") else pd.read_csv(source)
    names = [feature["name"] for feature in signature["features"]]
    missing = [name for name in names if name not in rows.columns]
    if missing:
        sys.exit(f"error: {{source}} lacks the columns {{', '.join(missing)}}")
    model = sio.load(HERE / "model.skops", trusted=TRUSTED)
    scores = model.predict_proba(rows[names])[:, 1] if signature["task"] == "classification" else model.predict(rows[names])
    keys = [name for name in signature["key"] if name in rows.columns]
    rows[keys].assign(score=scores).to_csv(target, index=False, lineterminator="\\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
'''


class Packaged(NamedTuple):
    """What the step writes."""

    bundle: Bundle
    packaging: Metrics


@step(contract=1)
def package(model: Model, train: Arrow, evaluation: Metrics, verdict: Document, *, task: Task) -> Packaged:
    """Put the model, its signature, a card and checksums into one folder."""
    features = [
        {"name": n, "type": str(train.schema.field(n).type)}
        for n in feature_columns(train.column_names, task)
    ]
    signature = {
        "task": task.kind,
        "target": task.target,
        "key": list(task.key),
        "features": features,
        "format": 1,
    }
    files = {
        "model.skops": dump_model(model),
        "signature.json": canonical_json(signature).encode(),
        "card.md": _card(train, evaluation, verdict, task, len(features)).encode(),
        "requirements.txt": _requirements().encode(),
        "predict.py": PREDICT.format(trusted=list(TRUSTED_TYPES)).encode(),
    }
    sums = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())
    )
    size = len(files["model.skops"])
    return Packaged({**files, "SHA256SUMS": sums}, {"features": len(features), "model_bytes": size})


def _requirements() -> str:
    import pandas as pd
    import pyarrow as pa
    import sklearn
    import skops

    found = {"pandas": pd, "pyarrow": pa, "scikit-learn": sklearn, "skops": skops}
    return "".join(f"{name}=={module.__version__}\n" for name, module in found.items())


def _card(train: pa.Table, evaluation: Metrics, verdict: Document, task: Task, features: int) -> str:
    import pyarrow.compute as pc

    lines = [
        f"# Model card: {task.target}",
        "",
        f"- Task: {task.kind} of `{task.target}`",
        f"- Training rows: {train.num_rows:,}",
    ]
    if task.time:
        edges = pc.min_max(train[task.time]).as_py()
        lines.append(f"- Training data from {edges['min']:%Y-%m-%d} to {edges['max']:%Y-%m-%d}")
    lines += [
        f"- Features: {features}",
        f"- KPI verdict: {verdict['status']}",
        "",
        "## Metrics on the test rows",
        "",
        "| metric | value |",
        "|---|---:|",
    ]
    lines += [f"| {name} | {value:.6g} |" for name, value in sorted(evaluation.items())]
    lines += ["", "## KPIs", "", "| promise | value | status |", "|---|---:|---|"]
    lines += [
        f"| {k['name']} {k['promise']} | {'' if k['value'] is None else format(k['value'], '.6g')} | {k['status']} |"
        for k in verdict["kpis"]
    ]
    lines += [
        "",
        "## Not stated",
        "",
        "Intended use, risks and oversight are for people to write; nothing here was invented.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run(package)
