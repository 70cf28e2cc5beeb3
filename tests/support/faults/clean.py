"""Ten pipelines of three stages each that give the same again: nothing may be said of them."""

from __future__ import annotations

READ = "import csv\nrows = list(csv.DictReader(open('data/rows.csv', encoding='utf-8')))\n"

# name -> (suffix of the prepared file, its code, suffix of the result, its code); `IN` is what the stage before wrote.
PIPELINES: dict[str, tuple[str, str, str, str]] = {
    "json": ("json", f"{READ}save(rows)", "json", "import json; save({'rows': len(json.load(open(IN)))})"),
    "csv": ("csv", f"{READ}write('x\\n' + ''.join(row['value'] + '\\n' for row in rows))", "json", "save({'bytes': len(open(IN, 'rb').read())})"),
    "numpy": ("npy", f"{READ}import numpy as np; np.save(OUT, np.array([float(row['value']) for row in rows]))", "json",
              "import numpy as np; x = np.load(IN); rng = np.random.default_rng(7); save({'mean': float(rng.permutation(x)[:20].mean())})"),
    "gzip": ("csv.gz", f"{READ}import gzip; open(OUT, 'wb').write(gzip.compress(repr(rows).encode(), mtime=0))", "json",
             "import gzip; save(len(gzip.open(IN).read()))"),
    "zip": ("zip", "import zipfile; z = zipfile.ZipFile(OUT, 'w'); z.writestr(zipfile.ZipInfo('a.txt', (1980, 1, 1, 0, 0, 0)), 'a'); z.close()", "json",
            "import zipfile; save(zipfile.ZipFile(IN).namelist())"),
    "sets": ("json", f"{READ}save(sorted({{row['word'] for row in rows}}))", "json",
             "import hashlib, json; save([word for word in json.load(open(IN)) if hashlib.sha256(word.encode()).digest()[0] % 5 == 0])"),
    "threads": ("json", "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(8) as pool:\n    save(list(pool.map(lambda n: n * n, range(20))))", "json",
                "import json; save(sum(json.load(open(IN))))"),
    "folders": ("json", "import pathlib; save([path.read_text() for path in sorted(pathlib.Path('parts').iterdir())])", "json",
                "import json, tempfile, pathlib; d = tempfile.mkdtemp(); p = pathlib.Path(d, 'x'); p.write_text('1'); save({'n': len(json.load(open(IN))), 'x': p.read_text()})"),
    "sqlite": ("sqlite", f"{READ}import sqlite3; c = sqlite3.connect(OUT); c.execute('CREATE TABLE t (v REAL)'); c.executemany('INSERT INTO t VALUES (?)', [(float(r['value']),) for r in rows]); c.commit(); c.close()", "json",
               "import sqlite3; save(sqlite3.connect(IN).execute('SELECT count(*), sum(v) FROM t').fetchone())"),
    "seeded": ("json", f"{READ}import random; random.seed(3); random.shuffle(rows); save(rows)", "txt",
               "import os, time; started = time.time(); home = os.environ.get('HOME'); print('took', time.time() - started, home); write(open(IN, encoding='utf-8').read().upper())"),
}  # fmt: skip
