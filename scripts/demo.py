"""The main job on real data: scaffold, run, branch, change one parameter, run, compare, push, and the comment that CI writes.

    make demo

Everything happens in ./demo, on this machine and without network: the forge is a small server on loopback that keeps git
repositories and runs the generated workflows with act.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.forge import Forge  # noqa: E402 - needs the path above
from tests.support.world import build_wheel, ci_environment, edit, fresh_folder, git, pin_to_installed  # noqa: E402

REPO = "acme/flights"


def say(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def kit(*args: str, cwd: Path) -> int:
    print(f"$ mlops-kit {' '.join(args)}", flush=True)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    return subprocess.run([sys.executable, "-m", "mlops_kit", *args], cwd=cwd, env=environment).returncode


@contextmanager
def timed(what: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    print(f"   ({what}: {time.monotonic() - start:.0f} s)", flush=True)


def must(*args: str, cwd: Path) -> None:
    if kit(*args, cwd=cwd):
        sys.exit(f"mlops-kit {args[0]} failed")


def commit(project: Path, message: str) -> None:
    git(project, "-c", "user.name=you", "-c", "user.email=you@localhost", "add", "-A")
    git(project, "-c", "user.name=you", "-c", "user.email=you@localhost", "commit", "-qm", message)


def main() -> int:
    start = time.monotonic()
    folder = fresh_folder(ROOT / "demo")
    say("1. Scaffold a project: real flights, every step of the lifecycle, git and DVC set up")
    must("init", "flights", "--yes", cwd=folder)
    project = folder / "flights"
    pin_to_installed(project)
    say("2. Run the whole lifecycle")
    must("run", cwd=project)
    commit(project, "First run")
    say("3. Push to the forge in a box: CI reproduces it from nothing")
    build_wheel(folder / "wheels")
    with Forge(folder / "forge", env=ci_environment(folder / "wheels", folder / "environment")) as forge:
        forge.create_repo(REPO)
        git(project, "remote", "add", "origin", forge.clone_url(REPO, "you"))
        with timed("the installation and the first run in CI"):
            git(project, "push", "-q", "origin", "main")
            forge.wait_idle()
        print("   CI on main:", forge.runs()[-1].conclusion)
        say("4. A branch that changes one parameter: smaller trees")
        git(project, "switch", "-qc", "smaller-trees")
        edit(project / "params.yaml", "max_leaf_nodes: 15", "max_leaf_nodes: 5")
        kit("run", cwd=project)
        say("5. Is it better? Compared with main, on the same test rows")
        kit("compare", cwd=project)
        kit("compare", "--html", "-o", str(folder / "compare.html"), cwd=project)
        commit(project, "Smaller trees")
        say("6. Push the branch and open a pull request; CI reproduces, compares, comments")
        with timed("CI on the pull request"):
            git(project, "push", "-q", "origin", "smaller-trees")
            number = forge.open_pull_request(REPO, head="smaller-trees", title="Smaller trees", user="you")
            forge.wait_idle()
        comments = forge.comments(number)
        passed = bool(comments) and all(run.conclusion == "success" for run in forge.runs())
        (folder / "comment.md").write_text(comments[0].body if comments else forge.runs()[-1].log)
    say("The comment on the pull request")
    print("\n".join((folder / "comment.md").read_text().splitlines()[:30]))
    say(f"{'Done' if passed else 'FAILED'} in {time.monotonic() - start:.0f} s. Where to look:")
    for path, what in (
        ("flights", "the project"),
        ("comment.md", "the whole comment"),
        ("compare.html", "the same as a page"),
    ):
        print(f"   {os.path.relpath(folder / path)}  {what}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
