"""Let uv read, once and with network, what the CI runs of tests and demo will ask for without: python -m tests.support.warm

`make` installs this machine's wheels; resolving a project for all platforms, as `uv sync` does, reads the metadata of others too.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.world import UV_CACHE, build_wheel, pin_to_installed, run_kit


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_wheel(folder / "wheels")
        run_kit("init", "project", "--yes", cwd=folder)
        pin_to_installed(folder / "project")
        uv = Path(sys.executable).with_name("uv")
        command = [
            uv,
            "lock",
            "--quiet",
            "--cache-dir",
            UV_CACHE,
            "--find-links",
            folder / "wheels",
            "--python",
            sys.executable,
        ]
        subprocess.run(command, cwd=folder / "project", check=True)


if __name__ == "__main__":
    main()
