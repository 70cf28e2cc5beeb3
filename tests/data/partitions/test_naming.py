"""What has only an address gets a name that says how to read it."""

from __future__ import annotations

import pytest

from mlops_kit.data.formats.options import FormatOptions
from mlops_kit.data.partitions.naming import address_name, file_name, stem


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://host/data/flights-2013-01.csv.gz?sig=x.csv", "flights-2013-01"),
        ("https://host/data/Fl%C3%BCge%202013.parquet", "Fl-ge-2013"),
        ("https://host/export?month=1", "export"),
        ("https://host/", "all"),
        ("https://host", "all"),
        ("https://host/a/.csv", "csv"),
    ],
)
def test_partition_is_named_by_the_file(url: str, name: str) -> None:
    assert address_name(url) == name


@pytest.mark.parametrize(
    ("url", "kind", "encoding", "name"),
    [
        ("https://host/x.csv", "text/html", "", "x.csv"),
        ("https://host/x.csv", "text/csv", "gzip", "x.csv.gz"),
        ("https://host/x.csv.gz", "text/csv", "gzip", "x.csv.gz"),
        ("https://host/x.csv", "text/csv", "br", "x.csv.br"),
        ("https://host/x", "text/csv", "", "x.csv"),
        ("https://host/x", "application/x-ndjson", "zstd", "x.jsonl.zst"),
        ("https://host/x", "text/html", "", "x"),
    ],
)
def test_download_is_named_as_it_is_to_be_read(url: str, kind: str, encoding: str, name: str) -> None:
    assert file_name(url, kind, encoding, None) == name


def test_declared_format_needs_no_ending() -> None:
    assert file_name("https://host/x", "text/csv", "", FormatOptions(type="jsonl")) == "x"


def test_stem_is_without_endings_of_formats_alone() -> None:
    assert [stem(name) for name in ("a.b.csv.gz", "2013.01", "a/b.tar.gz", "a/.csv")] == [
        "a.b",
        "2013.01",
        "a/b",
        "a/.csv",
    ]
