from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_kit.cli.edge import run_guarded
from mlops_kit.errors import BadDataError, RefusedError
from mlops_kit.project.datacheck import check_data
from mlops_kit.project.datainfer import infer_contract, read_facts
from mlops_kit.spec.load import load_schema


def rows_file(folder: Path, count: int = 200) -> Path:
    path = folder / "rows.csv"
    lines = [
        f"{n},AB{n:04d},{'north' if n % 3 else 'south'},{n / 7:.3f},2026-01-{n % 28 + 1:02d},{'' if n % 5 else n},a{n}@b.org"
        for n in range(count)
    ]
    path.write_text("id,code,side,size,day,extra,contact\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_infer_reads_types_keys_lists_patterns_and_guesses_persons(tmp_path: Path) -> None:
    text = infer_contract(tmp_path, [rows_file(tmp_path)]).text
    assert text.splitlines()[2:] == [
        "  id: {type: integer, nullable: false, min: 0, unique: true}",
        '  code: {type: string, nullable: false, pattern: "[A-Z]{2}[0-9]{4}", unique: true}',
        "  side: {type: string, nullable: false, values: [north, south]}",
        "  size: {type: number, nullable: false}",
        "  day: {type: timestamp, nullable: false}",
        "  extra: {type: integer, min: 0}",
        "  contact: {type: string, nullable: false, unique: true, pii: true}",
    ]


def test_what_was_inferred_is_kept_by_the_data_it_was_read_off(tmp_path: Path) -> None:
    path = rows_file(tmp_path)
    infer_contract(tmp_path, [path], write=True)
    (found,) = check_data(tmp_path, [path])
    assert found.fits
    assert found.bad == 0


def test_infer_never_overwrites_and_says_what_differs(tmp_path: Path) -> None:
    path = rows_file(tmp_path)
    schema = tmp_path / "schema.yaml"
    schema.write_text(
        "columns:\n  id: {type: string}\n  side: {type: string, nullable: false, values: [north]}\n  gone: {type: string}\n"
        "  day: {type: integer}\n  extra: {type: integer, nullable: false}\n"
    )
    before = schema.read_bytes()
    with pytest.raises(RefusedError):
        infer_contract(tmp_path, [path], write=True)
    found = infer_contract(tmp_path, [path]).changes or ()
    assert [(each.column, each.words.split(":")[0].split(",")[0]) for each in found] == [
        ("gone", "schema.yaml has it"),
        ("id", "nullable"),
        ("code", "the data have it"),
        ("side", "values"),
        ("size", "the data have it"),
        ("day", "type"),
        ("day", "nullable"),
        ("extra", "nullable"),
        ("contact", "the data have it"),
    ]
    assert schema.read_bytes() == before


def test_infer_of_hostile_names_and_values_gives_a_schema_that_loads(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('"a: b","x\'""y",no,"#","- z"\n' + "null,[1],yes,{},~\nyes,[2],no,{},1\n" * 60)
    columns = load_schema(infer_contract(tmp_path, [path]).text).columns
    assert list(columns) == ["a: b", "x'\"y", "no", "#", "- z"]
    assert columns["no"].values == ("no", "yes")


def test_infer_of_several_files_is_of_one_table(tmp_path: Path) -> None:
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    first.write_text("id,n\n1,1\n2,2\n")
    second.write_text("id,n\n2,1.5\n3,x\n")
    found = infer_contract(tmp_path, [first, second])
    assert [(each.column.type, each.column.unique) for each in found.columns] == [
        ("integer", False),
        ("string", False),
    ]
    assert found.rows == 4


def test_facts_of_a_sample_judge_uniqueness_by_all_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,n\n" + "".join(f"{n},{n // 2}\n" for n in range(1000)))
    facts, rows, _ = read_facts([path], sample=10)
    assert (rows, facts[0].rows) == (1000, 10)
    assert [each.unique for each in facts] == [True, False]


def test_infer_of_a_header_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n")
    with pytest.raises(BadDataError, match="no rows"):
        infer_contract(tmp_path, [tmp_path / "rows.csv"])


def test_data_infer_as_a_command_writes_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["data", "infer", str(rows_file(tmp_path)), "--repo", str(tmp_path)]
    assert run_guarded([*command, "--write"]) == 0
    assert run_guarded([*command, "--write"]) == 7
    capsys.readouterr()
    assert run_guarded(command) == 0
    assert "schema.yaml says what the data say" in capsys.readouterr().out
    assert run_guarded([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []
