"""Run by the environment of the reference: cleanlab's confident joint of the data in a file; prints JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from cleanlab.count import compute_confident_joint

data = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
found = []
for case in data:
    joint, places = compute_confident_joint(
        np.array(case["given"]),
        np.array(case["probabilities"]),
        calibrate=False,
        return_indices_of_off_diagonals=True,
    )
    found.append({"joint": joint.tolist(), "places": [int(place) for place in places]})
sys.stdout.write(json.dumps(found))
