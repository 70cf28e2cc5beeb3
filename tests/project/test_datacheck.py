from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from mlops_kit.cli.edge import run_guarded
from mlops_kit.data.contract.check import Checked
from mlops_kit.errors import SpecError, UsageError
from mlops_kit.project.datacheck import check_data
from mlops_kit.report.data_check import as_text

SCHEMA = """\
max_quarantine: 0.5
columns:
  id: {type: integer, nullable: false, unique: true}
  name: {type: string, pii: true, pattern: "[a-z]+"}
  age: {type: integer, min: 0, max: 150}
  day: {type: timestamp}
"""
ROWS = (
    "id,name,age,day,more\n1,ann,30,2026-01-01,x\n2,Bob,200,2026-01-02,x\n2,cid,-1,NA,x\n4,,y,2026-01-03,x\n"
)
DAY = 86_400.0
NOW = 1_767_398_400.0 + DAY  # a day after 2026-01-03


def checked(folder: Path, rows: str = ROWS, schema: str = SCHEMA, *, name: str = "rows.csv") -> Checked:
    (folder / "schema.yaml").write_text(schema, encoding="utf-8")
    content = rows.encode()
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    (found,) = check_data(folder, [folder / name], now=NOW)
    return found


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_check_of_a_csv_file_counts_each_promise_that_rows_break(tmp_path: Path, name: str) -> None:
    found = checked(tmp_path, name=name)
    assert {(one.column, one.rule): (one.rows, one.first) for one in found.broken} == {
        ("name", "pattern [a-z]+"): (1, 1),
        ("age", "max 150"): (1, 0),
        ("age", "min 0"): (1, 1),
        ("age", "type integer"): (1, 1),
    }
    assert (found.rows, found.bad, found.unnamed) == (4, 3, ("more",))


def test_check_never_shows_values_of_columns_about_persons(tmp_path: Path) -> None:
    text = as_text([checked(tmp_path)])
    assert "not shown (pii)" in text
    assert "Bob" not in text
    assert "'-1'" in text


def test_check_with_more_bad_rows_than_allowed_does_not_fit(tmp_path: Path) -> None:
    assert checked(tmp_path).problems == ("3 of 4 rows (75.0%) are bad, schema.yaml allows 50.0%",)
    assert checked(tmp_path, schema=SCHEMA.replace("0.5", "0.8")).fits


def test_check_judges_age_and_number_of_rows(tmp_path: Path) -> None:
    more = "max_quarantine: 1.0\nrows: {min: 5}\nfreshness: {column: day, max_age_days: 0.5}\n"
    found = checked(tmp_path, schema=SCHEMA.replace("max_quarantine: 0.5\n", more))
    assert found.problems == (
        "4 rows, schema.yaml expects 5 or more",
        "the newest row is 1.0 days old by `day`, schema.yaml allows 0.5",
    )


def test_check_counts_lines_that_are_no_rows(tmp_path: Path) -> None:
    found = checked(tmp_path, "id,name,age,day\n1,ann,30,\n2,too,many,cells,here\n")
    assert (found.rows, found.bad, found.rejected) == (2, 1, 1)


def test_check_without_rows_does_not_fit(tmp_path: Path) -> None:
    assert checked(tmp_path, "id,name,age,day\n").problems == ("0 rows, schema.yaml expects 1 or more",)


def test_check_of_unreadable_paths_says_so_and_goes_on(tmp_path: Path) -> None:
    checked(tmp_path)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "other.csv").write_text("idd,name,age,day\n1,a,1,\n")
    names = ["bad.parquet", "gone.csv", "other.csv", "rows.csv"]
    found = check_data(tmp_path, [tmp_path / name for name in names], now=NOW)
    assert [bool(each.unreadable) for each in found] == [True, True, True, False]
    assert "id (it has idd)" in found[2].unreadable


def test_check_applies_the_rules_of_clean_first(tmp_path: Path) -> None:
    (tmp_path / "mlops.yaml").write_text(
        "version: 1\nproject: {name: p}\ntask: {kind: regression, target: age, key: [id]}\nsteps: {clean: {uses: clean.rules}}\n"
    )
    (tmp_path / "params.yaml").write_text("clean: {rules: [{rename: {years: age}}]}\n")
    found = checked(tmp_path, ROWS.replace("age", "years"))
    assert ("id", "unique key") not in {
        (one.column, one.rule) for one in found.broken
    }  # the second row of 2 is bad before
    assert found.bad == 3
    assert check_data(tmp_path, [tmp_path / "rows.csv"], rules=False, now=NOW)[0].unreadable


def test_check_of_a_bad_schema_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"schema\.yaml:3"):
        checked(tmp_path, schema="columns:\n  id: {type: integer}\n  age: {type: integer, min: 5, max: 1}\n")


def test_data_check_as_a_command_exits_with_5_and_prints_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checked(tmp_path)
    command = ["data", "check", str(tmp_path / "rows.csv"), "--repo", str(tmp_path)]
    assert run_guarded([*command, "--json"]) == 5
    (found,) = json.loads(capsys.readouterr().out)["checked"]
    assert found["bad"] == 3
    (tmp_path / "schema.yaml").write_text(SCHEMA.replace("0.5", "0.8"))
    assert run_guarded(command) == 0
    assert run_guarded([*command, "--strict"]) == 5


def test_check_without_data_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text(SCHEMA)
    with pytest.raises(UsageError, match="no data at data/raw"):
        check_data(tmp_path)
