"""What one `git cat-file` answers is what git itself says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit.errors import UnreadableSideError, UsageError
from mlops_kit.outside.git import prefix_of, resolve, subject, top_level
from mlops_kit.outside.gitobjects import BlobReader
from tests.support.world import git

MESSAGES = [
    "plain",
    "two\nlines",
    "subject\n\nbody\n\nmore",
    "ünïcode “quoted”",
    "trailing  \n\nx",
    "\x1b[31mred",
]


@pytest.mark.parametrize("message", MESSAGES)
def test_commit_is_described_as_git_shows_it(git_repo: Path, message: str) -> None:
    git(git_repo, "commit", "-q", "--allow-empty", "-m", message)
    git(git_repo, "tag", "-am", "annotated", "v1")
    for rev in ("HEAD", "main", "v1", "HEAD^{commit}"):
        with BlobReader(git_repo) as blobs:
            sha, said = blobs.describe(rev)
        assert (sha, said) == (resolve(git_repo, rev), subject(git_repo, sha))


def test_message_in_another_encoding_is_text(git_repo: Path) -> None:
    (git_repo / "message").write_bytes("grüße".encode("latin-1"))
    git(git_repo, "-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "--allow-empty", "-F", "message")
    with BlobReader(git_repo) as blobs:
        assert blobs.describe("HEAD")[1] == "grüße" == subject(git_repo, resolve(git_repo, "HEAD"))


@pytest.mark.parametrize("rev", ["nowhere", "HEAD~9", "HEAD:file", "HEAD^{tree}", "HEAD\nHEAD"])
def test_what_is_no_commit_is_unreadable(git_repo: Path, rev: str) -> None:
    git(git_repo, "commit", "-q", "--allow-empty", "-m", "x")
    with BlobReader(git_repo) as blobs, pytest.raises(UnreadableSideError):
        blobs.describe(rev)


@pytest.mark.parametrize("rev", ["", " ", "-x", "--all"])
def test_what_is_no_revision_is_a_usage_error(git_repo: Path, rev: str) -> None:
    with BlobReader(git_repo) as blobs, pytest.raises(UsageError):
        blobs.describe(rev)


def test_names_with_spaces_and_words_of_git_are_read(git_repo: Path) -> None:
    files = {"a b": "1", "x missing": "2", "sub dir/c d e": "3"}
    for name, content in files.items():
        (git_repo / name).parent.mkdir(exist_ok=True)
        (git_repo / name).write_text(content)
    git(git_repo, "add", "-A")
    git(git_repo, "commit", "-qm", "x")
    with BlobReader(git_repo) as blobs:
        found = blobs.read("HEAD", [*files, "not there", "also missing", "sub dir"])
    assert found == {name: content.encode() for name, content in files.items()}


def test_folder_is_placed_in_its_repository(git_repo: Path, tmp_path: Path) -> None:
    (git_repo / "a/b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(git_repo / "a")
    places = {git_repo: "", git_repo / "a/b": "a/b/", tmp_path / "link": "a/"}
    assert {place: prefix_of(place) for place in places} == places
    assert top_level(git_repo / "a/b") == git_repo.resolve()
    with pytest.raises(UsageError):
        top_level(tmp_path)
