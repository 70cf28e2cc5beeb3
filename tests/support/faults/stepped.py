"""Faults in steps of ours: functions whose signatures declare what they read and write, run in the fixed stage environment."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.faults.model import Fault, fault
from tests.support.faults.project import commit, run, start_project, write

WORDS = ["ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine", "rowan", "yew"]
_MLOPS = """\
version: 1
project: {name: faults}
task: {kind: classification, target: late, key: [id]}
steps:
  words: {uses: steps/words.py}
"""
_STEP = '''\
"""A step."""

from mlops_kit import Document, run, step


@step
def {name}({inputs}) -> Document:
{body}


if __name__ == "__main__":
    run({name})
'''

STEP_FAULTS: tuple[Fault, ...] = (
    fault("step_random", "randomness", "import random\nreturn {'sample': random.random()}"),
    fault("step_uuid", "randomness", "import uuid\nreturn {'id': str(uuid.uuid4())}"),
    fault("step_clock", "clock", "from datetime import datetime\nreturn {'at': datetime.now().isoformat()}"),
    fault("step_identity", "address", "return {'model': id(object())}"),
    fault("step_set", "hash seed", "return {'labels': list(set(words['words']))}"),
    fault("step_processors", "threads", "import os\nreturn {'shards': os.cpu_count()}"),
    fault("step_folder", "path", "import os\nreturn {'root': os.getcwd()}"),
    fault("step_zone", "time zone", "import datetime\nreturn {'hour': datetime.datetime.fromtimestamp(0).hour}"),
    fault("step_variable", "environment variable", "import os\nreturn {'scale': os.environ.get('FEATURE_SCALE', '1')}"),
    fault("step_config", "hidden input", "import json\nreturn {'rate': json.load(open('config/rate.json'))}"),
    fault("step_files", "file order | hidden input", "import os\nreturn {'parts': os.listdir('parts')}"),
)  # fmt: skip
CLEAN = {
    "step_sorted": "return {'labels': sorted(set(words['words']))}",
    "step_seeded": "import random\nreturn {'one': random.Random(7).choice(words['words'])}",
}


def _indented(code: str) -> str:
    return "".join(f"    {line}\n" for line in code.splitlines()).rstrip()


def build_steps(root: Path) -> tuple[str, ...]:
    """Make the project of steps, run and committed; return the names of its clean stages."""
    start_project(root)
    write(root, "config/rate.json", "1\n")
    write(root, "steps/__init__.py", "")
    write(root, "steps/words.py", _STEP.format(name="words", inputs="", body=_indented(f"return {{'words': {WORDS}}}")))  # fmt: skip
    lines = [_MLOPS]
    for name, code in [*((one.name, one.code) for one in STEP_FAULTS), *CLEAN.items()]:
        write(root, f"steps/{name}.py", _STEP.format(name=name, inputs="words: Document", body=_indented(code)))  # fmt: skip
        lines.append(f"  {name}: {{uses: steps/{name}.py}}\n")
    write(root, "mlops.yaml", "".join(lines))
    write(root, "params.yaml", "")
    run(root, sys.executable, "-m", "mlops_kit", "run", "--repo", ".")
    commit(root)
    return ("words", *CLEAN)
