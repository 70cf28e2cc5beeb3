"""Proposals of new data between two clones of a real repository: nobody's work is overwritten, and no code comes along."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mlops_kit.errors import ExitCode, OutsideError, RefusedError, UsageError
from mlops_kit.outside.git_proposal import push_tip, set_branch
from mlops_kit.project.acquire.model import AcquireOptions
from mlops_kit.project.acquire.session import acquire_project
from mlops_kit.project.proposal import BRANCH, BUNDLE, Prepared, Proposal, prepare_proposal, take_proposal
from tests.support.acquiring import acquiring_project, arrive
from tests.support.world import edit, git, run_kit

pytestmark = pytest.mark.slow


class Two:
    """A repository on a host, the clone that acquires, and the one that proposes; the inbox lies outside."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.seed = acquiring_project(
            folder / "seed", months=0, params=f"acquire: {{paths: ['{folder}/inbox/*.csv']}}\n"
        )
        arrive(folder, 1)
        acquire_project(self.seed, AcquireOptions())
        git(self.seed, "add", "-A")
        git(self.seed, "commit", "-qm", "January")
        subprocess.run(["git", "clone", "-q", "--bare", self.seed, folder / "host"], check=True)
        git(self.seed, "remote", "add", "origin", str(folder / "host"))

    def clone(self) -> Path:
        shutil.rmtree(self.folder / "clone", ignore_errors=True)
        address = f"file://{self.folder}/host"
        subprocess.run(["git", "clone", "-q", "--depth=1", address, self.folder / "clone"], check=True)
        # What January's objects are to a fresh runner: on the remote.
        shutil.copytree(self.seed / ".dvc/cache", self.folder / "clone/.dvc/cache", dirs_exist_ok=True)
        return self.folder / "clone"

    def prepare(self) -> Prepared:
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        made = prepare_proposal(self.clone(), self.out, {})
        (self.out / "report.json").write_text("{}")
        return made

    def take(self) -> Proposal | None:
        return take_proposal(self.clone(), self.out, {})

    def push(self) -> str:
        taken = self.take()
        assert taken is not None
        push_tip(self.folder / "clone", taken.sha, BRANCH, expected=taken.expected, variables={})
        return taken.sha

    def tip(self, branch: str) -> str:
        return git(self.folder / "host", "rev-parse", branch)

    def on_main(self, name: str) -> None:
        """Somebody commits a file to main."""
        (self.seed / name).write_text("x\n")
        git(self.seed, "add", name)
        git(self.seed, "commit", "-qm", name)
        git(self.seed, "push", "-q", "origin", "main")


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


def test_nothing_new_is_no_proposal(two: Two) -> None:
    assert two.prepare().sha == ""
    assert two.take() is None


def test_new_month_is_one_commit_that_says_what_came(two: Two) -> None:
    arrive(two.folder, 2)
    made = two.prepare()
    sha = two.push()
    assert (made.sha, made.code, two.tip(BRANCH)) == (sha, ExitCode.OK, sha)
    message = git(two.folder / "host", "log", "-1", "--format=%B", BRANCH)
    assert message.startswith("Data: data/raw 1 partition added (2013-02, 3 rows)\n")
    changed = git(two.folder / "host", "diff", "--name-only", "main", BRANCH).split()
    assert {"data/raw.manifest.jsonl", "dvc.lock"} <= set(changed)


def test_open_proposal_is_added_to_and_keeps_what_it_has(two: Two) -> None:
    arrive(two.folder, 2)
    two.prepare()
    first = two.push()
    old = git(two.folder / "host", "show", f"{first}:data/raw.manifest.jsonl")
    arrive(two.folder, 3)
    two.prepare()
    two.push()
    new = git(two.folder / "host", "show", f"{BRANCH}:data/raw.manifest.jsonl")
    assert new.startswith(old), "what was fetched is not fetched again"
    assert git(two.folder / "host", "rev-list", "--count", f"main..{BRANCH}") == "1"
    assert two.prepare().sha == ""


def test_proposal_is_made_anew_when_main_has_moved_on(two: Two) -> None:
    arrive(two.folder, 2)
    two.prepare()
    two.push()
    two.on_main("later.md")
    two.prepare()
    two.push()
    assert two.tip(f"{BRANCH}^") == two.tip("main")


def test_somebodys_commit_on_the_branch_is_refused_and_kept(two: Two) -> None:
    arrive(two.folder, 2)
    two.prepare()
    two.push()
    git(two.seed, "fetch", "-q", "origin", BRANCH)
    git(two.seed, "switch", "-qc", "help", "FETCH_HEAD")
    git(two.seed, "commit", "-q", "--allow-empty", "-m", "Looked at it")
    git(two.seed, "push", "-q", "origin", f"HEAD:refs/heads/{BRANCH}")
    mine = two.tip(BRANCH)
    arrive(two.folder, 3)
    with pytest.raises(RefusedError, match="no proposal of new data"):
        two.prepare()
    assert two.tip(BRANCH) == mine


def test_branch_that_moved_between_the_jobs_is_not_overwritten(two: Two) -> None:
    arrive(two.folder, 2)
    two.prepare()
    taken = two.take()
    assert taken is not None
    git(two.seed, "push", "-q", "origin", f"HEAD:refs/heads/{BRANCH}")
    with pytest.raises((RefusedError, OutsideError)):
        push_tip(two.folder / "clone", taken.sha, BRANCH, expected=taken.expected, variables={})
    assert two.tip(BRANCH) == two.tip("main")


@pytest.mark.parametrize("harm", ["code", "link", "two", "elsewhere"])
def test_commit_that_is_more_than_records_of_data_is_refused(two: Two, harm: str) -> None:
    clone = two.clone()
    base = git(clone, "rev-parse", "HEAD")
    set_branch(clone, BRANCH, base)
    if harm == "code":
        (clone / "count.py").write_text("import os\n")
    elif harm == "link":
        (clone / "data/x.manifest.jsonl").symlink_to("/etc/passwd")
    else:
        (clone / "data/x.manifest.jsonl").write_text("{}\n")
    git(clone, "add", "-A", "-f", "data", "count.py")
    git(clone, "commit", "-qm", "Data")
    if harm == "two":
        git(clone, "commit", "-q", "--allow-empty", "-m", "And one more")
    two.out.mkdir()
    (two.out / "report.json").write_text("{}")
    git(clone, "bundle", "create", "-q", str(two.out / BUNDLE), f"refs/heads/{BRANCH}", f"^{base}")
    if harm == "elsewhere":
        two.on_main("later.md")
    with pytest.raises((RefusedError, OutsideError)):
        two.take()


def test_half_a_proposal_is_refused(two: Two) -> None:
    two.out.mkdir()
    with pytest.raises(UsageError, match="no such file"):
        two.take()
    (two.out / "report.json").write_text("{}")
    (two.out / BUNDLE).write_bytes(b"# v2 git bundle\ngarbage")
    with pytest.raises(OutsideError):
        two.take()


def test_work_that_is_not_committed_stops_it(two: Two) -> None:
    edit(two.seed / "params.yaml", "acquire", "# mine\nacquire")
    with pytest.raises(RefusedError, match=r"params\.yaml"):
        prepare_proposal(two.seed, two.out, {})
    assert git(two.seed, "rev-parse", "--abbrev-ref", "HEAD") == "main"


def test_rewritten_month_is_told_and_what_is_new_comes_all_the_same(two: Two) -> None:
    arrive(two.folder, 1, rows=5)
    arrive(two.folder, 2)
    made = two.prepare()
    assert made.code is ExitCode.REFUSED
    assert made.sha
    assert any("has rewritten 2013-01" in note for note in made.comparison.notes)


def test_rows_that_break_the_contract_are_told_without_their_values(two: Two) -> None:
    edit(two.seed / "mlops.yaml", "  count:", "  clean: {uses: clean.rules}\n  count:")
    (two.seed / "schema.yaml").write_text(
        "max_quarantine: 0.1\ncolumns:\n  id: {type: integer}\n  at: {type: timestamp}\n  y: {type: integer, max: 0, pii: true}\n"
    )
    (two.seed / "params.yaml").write_text((two.seed / "params.yaml").read_text() + "clean: {}\n")
    run_kit("generate", cwd=two.seed)
    git(two.seed, "add", "-A")
    git(two.seed, "commit", "-qm", "A contract")
    git(two.seed, "push", "-q", "origin", "main")
    arrive(two.folder, 2)
    made = two.prepare()
    assert made.code is ExitCode.BAD_DATA
    assert made.sha, "it is proposed all the same"
    assert (
        "data/raw, 2013-02: 1 of 3 rows break the contract: y: max 0 (1); schema.yaml allows 10 %"
        in made.comparison.notes
    )
