"""Write what an operations engineer needs to run the bundle: as a container, as a scheduled process, or as a batch script.

The manifests run the bundle's own `predict.py` over files; they name the bundle by its digest, so a deployment says exactly which
model it runs. Rolling out is an act of people or CI, not of this stage.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from mlops_kit import BadDataError, Bundle, Manifests, run, step

DOCKERFILE = """\
# Bundle {digest}
FROM python:{python}-slim
RUN pip install --no-cache-dir {pins}
COPY models/bundle /bundle
USER 65534:65534
ENTRYPOINT ["python", "/bundle/predict.py"]
"""
COMPOSE = """\
# Bundle {digest}; from the project's root: INPUT=rows.csv docker compose -f deploy/deployment/container/compose.yaml up
services:
  score:
    build:
      context: ../../..
      dockerfile: deploy/deployment/container/Dockerfile
    network_mode: none
    read_only: true
    volumes:
      - ${{IN_FOLDER:-../../../data/live}}:/in:ro
      - ${{OUT_FOLDER:-../../../data/scores}}:/out
    command: ["/in/${{INPUT:-rows.csv}}", "/out/scores.csv"]
"""
SERVICE = """\
# Bundle {digest}
[Unit]
Description=Score new rows with bundle {short}

[Service]
Type=oneshot
WorkingDirectory=/opt/model
ExecStart=/opt/model/batch/score.sh /opt/model/bundle /var/lib/model/rows.csv /var/lib/model/scores.csv
DynamicUser=yes
StateDirectory=model
ProtectSystem=strict
PrivateNetwork=yes
"""
TIMER = """\
[Unit]
Description=Score new rows {schedule}

[Timer]
OnCalendar={schedule}
Persistent=true

[Install]
WantedBy=timers.target
"""
SCRIPT = """\
#!/bin/sh
# Score a file with bundle {digest}: score.sh BUNDLE INPUT OUTPUT
set -eu
if [ "$#" -ne 3 ]; then
  echo "usage: score.sh BUNDLE INPUT OUTPUT" >&2
  exit 2
fi
found=$(sha256sum "$1/SHA256SUMS" | cut -d ' ' -f 1)
if [ "$found" != "{digest}" ]; then
  echo "error: $1 is not bundle {short}, its digest is $found" >&2
  exit 7
fi
"${{PYTHON:-python3}}" "$1/predict.py" "$2" "$3.new"
mv "$3.new" "$3"
"""
README = """\
# Deploying bundle {short}

Digest of `SHA256SUMS` in the bundle: `{digest}`.

| folder | what it is | how to start it |
|---|---|---|
{rows}

All of them score files with the bundle's own `predict.py`. They refuse a bundle whose files or digest differ.
"""
ROWS = {
    "container": "| `container/` | Dockerfile and compose file | `docker compose -f deploy/deployment/container/compose.yaml up` |",
    "process": "| `process/` | systemd service and timer | copy to `/etc/systemd/system`, `systemctl enable --now model-score.timer` |",
    "batch": "| `batch/` | shell script | `sh deploy/deployment/batch/score.sh models/bundle rows.csv scores.csv` |",
}


@dataclass(frozen=True)
class DeployParams:
    """Section of params.yaml."""

    targets: tuple[str, ...] = ("container", "process", "batch")
    """Which manifests to write: container, process (needs batch), batch."""
    schedule: str = "daily"
    """When the process scores new rows (a systemd calendar expression)."""
    python: str = "3.11"
    """Python version of the container."""


class Deployed(NamedTuple):
    """What the step writes."""

    deployment: Manifests


@step(contract=1)
def deploy(bundle: Bundle, *, params: DeployParams) -> Deployed:
    """Write manifests for each target, pinned to the bundle's digest."""
    unknown = sorted(set(params.targets) - set(ROWS))
    if unknown:
        raise BadDataError(f"deploy.targets names {', '.join(unknown)}", fix=f"known: {', '.join(ROWS)}")
    targets = [
        name for name in ROWS if name in params.targets or (name == "batch" and "process" in params.targets)
    ]
    digest = hashlib.sha256((bundle / "SHA256SUMS").read_bytes()).hexdigest()
    pins = " ".join((bundle / "requirements.txt").read_text(encoding="utf-8").split())
    facts = {
        "digest": digest,
        "short": digest[:12],
        "pins": pins,
        "python": params.python,
        "schedule": params.schedule,
    }
    texts = {
        "container": {"container/Dockerfile": DOCKERFILE, "container/compose.yaml": COMPOSE},
        "process": {"process/model-score.service": SERVICE, "process/model-score.timer": TIMER},
        "batch": {"batch/score.sh": SCRIPT},
    }
    made = {path: text.format(**facts) for name in targets for path, text in texts[name].items()}
    rows = "\n".join(ROWS[name] for name in targets)
    return Deployed({**made, "README.md": README.format(rows=rows, **facts)})


if __name__ == "__main__":
    run(deploy)
