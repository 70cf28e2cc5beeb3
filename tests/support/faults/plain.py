"""Faults in plain stages: a command and a script of its own."""

from __future__ import annotations

from tests.support.faults.model import Fault, fault

RECORDED = {"TZ": "Europe/Berlin", "FEATURE_SCALE": "2", "REPORT_DIGITS": "3", "PYTHONOPTIMIZE": "1"}
"""Environment of the run that is recorded; none of it is there when it is run again."""
WORDS = '["ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine", "rowan", "yew"]'
PARQUET = "hidden/rates.parquet"
DATABASE = "hidden/rates.sqlite"

FAULTS: tuple[Fault, ...] = (
    # chance
    fault("uuid4", "randomness", "import uuid; save({'id': str(uuid.uuid4())})"),
    fault("uuid1", "clock | randomness", "import uuid; save({'id': str(uuid.uuid1())})"),
    fault("unseeded_random", "randomness", "import random; save([random.random() for _ in range(3)])"),
    fault("urandom", "randomness", "import os; save(os.urandom(8).hex())"),
    fault("secret", "randomness", "import secrets; save(secrets.token_hex(8))"),
    fault("legacy_numpy", "randomness", "import numpy as np; save(np.random.rand(3).tolist())"),
    fault("default_rng", "randomness", "import numpy as np; save(np.random.default_rng().random(3).tolist())"),
    fault(
        "unseeded_estimator",
        "randomness",
        """
import numpy as np
from sklearn.linear_model import SGDClassifier
rng = np.random.default_rng(0)
x = rng.normal(size=(60, 3)); y = x[:, 0] + rng.normal(size=60) > 0
save(SGDClassifier().fit(x, y).coef_.tolist())
""",
    ),
    fault(
        "unseeded_split",
        "randomness",
        "import random; rows = open('data/rows.csv').read().split(); random.shuffle(rows); save({'test': rows[:5]})",
    ),
    fault("styler_ids", "randomness", "import uuid; u = uuid.uuid4().hex[:5]; write(f'<td id=\"T_{u}_row0\">1</td>\\n')", suffix="html"),
    # clock
    fault("timestamp", "clock", "from datetime import datetime; save({'trained': datetime.now().isoformat()})"),
    fault("today", "clock", "import datetime; save({'day': str(datetime.date.today())})"),
    fault("elapsed", "clock", "import time; t = time.perf_counter(); sum(range(9999)); save({'seconds': time.perf_counter() - t})"),
    fault("clock_seed", "clock", "import random, time; random.seed(time.time_ns()); save(random.random())"),
    fault("zip_dates", "clock", "import zipfile; z = zipfile.ZipFile(OUT, 'w'); z.writestr('a.txt', 'a'); z.close(); import time; time.sleep(2)", suffix="zip"),
    fault("gzip_date", "clock", "import gzip, time; time.sleep(1.1); gzip.open(OUT, 'wb').write(b'a,b\\n1,2\\n')", suffix="csv.gz"),
    fault(
        "tar_dates",
        "clock",
        "import tarfile; open('scratch.txt', 'w').write('a'); t = tarfile.open(OUT, 'w'); t.add('scratch.txt'); t.close(); import os, time; os.remove('scratch.txt'); time.sleep(1.1)",
        suffix="tar",
    ),
    fault("shell_date", "clock", "", command="date +%FT%T.%N > out/shell_date.txt", suffix="txt"),
    fault(
        "figure",
        "clock | randomness",
        """
import matplotlib
matplotlib.use("svg")
import matplotlib.pyplot as plt
figure, axis = plt.subplots(figsize=(1, 1))
axis.plot([1, 2])
figure.savefig(OUT)
""",
        suffix="svg",
    ),
    # hash seed and addresses
    fault("set_order", "hash seed", f"save(list(set({WORDS})))"),
    fault("pickled_set", "hash seed", f"import pickle; open(OUT, 'wb').write(pickle.dumps(set({WORDS})))", suffix="pkl"),
    fault("hash_split", "hash seed", f"save([word for word in {WORDS} if hash(word) % 5 == 0] + [hash('yew') % 1000])"),
    fault("label_map", "hash seed", f"save({{word: code for code, word in enumerate(set({WORDS}))}})"),
    fault("identity", "address", "class Model: pass\nsave({'model': id(Model())})"),
    fault("object_repr", "address", "class Model: pass\nwrite(f'trained {Model()!r}\\n')", suffix="txt"),
    # place and machine
    fault("working_folder", "path", "import os; save({'root': os.getcwd()})"),
    fault("script_path", "path", "import os; save({'script': os.path.abspath(__file__)})"),
    fault("temporary_name", "path | randomness", "import tempfile; save({'scratch': tempfile.mkdtemp()})"),
    fault("temporary_in_pickle", "path | randomness", "import pickle, tempfile; f = tempfile.NamedTemporaryFile(); open(OUT, 'wb').write(pickle.dumps({'cache': f.name}))", suffix="pkl"),
    fault("process_id", "process id", "import os; save({'run': os.getpid()})"),
    fault("process_seed", "process id", "import os, random; random.seed(os.getpid()); save(random.random())"),
    fault("host_name", "user", "import socket; save({'host': socket.gethostname()})"),
    fault("user_name", "user", "import os; save({'by': os.environ.get('USER', '?')})"),
    fault("home_folder", "user", "import pathlib; save({'cache': str(pathlib.Path.home())})"),
    fault("file_modes", "user", "import os; open('scratch.bin', 'w').close(); mode = os.stat('scratch.bin').st_mode; os.remove('scratch.bin'); save({'mode': oct(mode)})"),
    fault("environment_names", "environment variable", "import os; save({'environment': sorted(os.environ)})"),
    fault("environment_count", "environment variable", "import os; save({'variables': len(os.environ)})"),
    fault("hidden_variable", "environment variable", "import os; save({'scale': float(os.environ.get('FEATURE_SCALE', '1'))})"),
    fault("float_digits", "environment variable | number format", "import os; digits = int(os.environ.get('REPORT_DIGITS', '6')); save({'auc': f'{0.5:.{digits}f}'})"),
    fault("terminal_width", "environment variable", "import shutil; save({'wrapped': 'x' * shutil.get_terminal_size().columns})"),
    fault("optimized", "environment variable", "save({'checked': __debug__})"),
    # time zone and locale
    fault("local_hour", "time zone", "from datetime import datetime; save({'hour': datetime.fromtimestamp(1_700_000_000).hour})"),
    fault("zone_name", "time zone", "import time; save({'zone': time.strftime('%Z', time.localtime(0))})"),
    fault("local_encoding", "locale", "import locale; save({'encoding': locale.getpreferredencoding(False)})"),
    fault("default_encoding", "locale", "open(OUT, 'w').write('M\\u00fcnchen\\n')", suffix="txt"),
    fault("locale_sort", "locale", "import locale; name = locale.setlocale(locale.LC_ALL, ''); save(sorted(['b', 'A', 'a', 'B'], key=None if name == 'C' else str.casefold))"),
    # threads and order
    fault("shards", "threads", "import os; n = os.cpu_count(); save({'shards': n})"),
    fault("affinity", "threads", "import os; save({'shards': len(os.sched_getaffinity(0))})"),
    fault(
        "thread_sum",
        "threads",
        """
import os
import numpy as np
x = np.random.default_rng(0).random(1000, dtype=np.float32)
parts = np.array_split(x, int(os.environ.get("OMP_NUM_THREADS", "7")))
save(float(np.float32(sum(float(part.sum()) for part in parts))) + len(parts) * 1e-9)
""",
    ),
    fault(
        "chunked_sum",
        "threads",
        """
import os
import numpy as np
x = np.random.default_rng(0).random(9999, dtype=np.float32) * 1e4
total = np.float32(0)
for part in np.array_split(x, 50 * os.cpu_count()):
    total += part.sum(dtype=np.float32)
save(float(total))
""",
    ),
    fault(
        "as_completed",
        "process order",
        """
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
def work(number):
    time.sleep(0.005)
    return number
with ThreadPoolExecutor(12) as pool:
    save([done.result() for done in as_completed([pool.submit(work, n) for n in range(24)])])
""",
    ),
    fault(
        "thread_race",
        "process order",
        """
import threading, time
seen = []
def work(number):
    time.sleep(0.003)
    seen.append(number)
threads = [threading.Thread(target=work, args=(n,)) for n in range(24)]
for thread in threads: thread.start()
for thread in threads: thread.join()
save(seen)
""",
    ),
    fault(
        "file_order",
        "file order",
        "import os; save([open(f'parts/{name}').read() for name in os.listdir('parts')])",
        deps=("parts",),
    ),
    fault(
        "glob_split",
        "file order",
        "import glob, random; rows = [open(name).read() for name in glob.glob('parts/*')]; random.seed(1); random.shuffle(rows); save({'test': rows[:4]})",
        deps=("parts",),
    ),
    # hidden inputs
    fault("untracked_file", "hidden input", "save(open('local/notes.txt').read())"),
    fault("hidden_config", "hidden input", "import sys; sys.path.insert(0, '.'); from lib.settings import rate; save({'rate': rate()})",
          deps=("lib/settings.py",), files=(("lib/settings.py", "import json\ndef rate():\n    return json.load(open('lib/config.json'))['rate']\n"), ("lib/config.json", '{"rate": 1}\n')),
          after=(("lib/config.json", '{"rate": 2}\n'),)),
    fault("hidden_helper", "hidden input", "import sys; sys.path.insert(0, '.'); from lib.helper import twice; save({'twice': twice(2)})",
          files=(("lib/helper.py", "def twice(x):\n    return 2 * x\n"),)),
    fault("hidden_parquet", "hidden input", f"import pyarrow.parquet as pq; save(pq.read_table('{PARQUET}').to_pydict())"),
    fault("hidden_database", "hidden input", f"import sqlite3; save(sqlite3.connect('{DATABASE}').execute('SELECT rate FROM rates').fetchall())"),
    fault("hidden_by_child", "hidden input", "import subprocess; save(subprocess.run(['cat', 'hidden/child.txt'], capture_output=True, text=True).stdout)",
          files=(("hidden/child.txt", "read by a child\n"),)),
    fault("undeclared_output", "hidden input", "import os; text = open('out/side.txt').read(); save(text)", deps=("out/writer.json",)),
    fault("network", "network", "import urllib.request; save(urllib.request.urlopen(open('data/address.txt').read(), timeout=5).read().decode())", deps=("data/address.txt",)),
    # environment and record
    fault("package_drift", "package version", "import fakedep; save({'answer': fakedep.answer()})"),
    fault("kept_time", "damaged record", "save(open('data/kept.csv').read())", deps=("data/kept.csv",), files=(("data/kept.csv", "a\n1\n"),),
          after=(("data/kept.csv", "a\n2\n"),)),
    fault("stale_lock", "damaged record", "save({'version': 1})", after=(("stages/stale_lock.py", "HEAD\nsave({'version': 2})\n"),)),
)  # fmt: skip
