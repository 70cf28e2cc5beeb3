"""Attestations: the same facts give the same bytes, the form is in-toto's, and only independent builders confirm."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mlops_kit.compare.ladder import (
    InputFact,
    Ladder,
    OutputLevel,
    OutputResult,
    Rung,
    StageOutcome,
    StageResult,
)
from mlops_kit.compare.reproduction import Reproduction
from mlops_kit.errors import BadDataError, UsageError
from mlops_kit.outside.sshsign import sign_file
from mlops_kit.project.reproduce.attest import NAMESPACE, attest, dumps, write_attestation
from mlops_kit.project.reproduce.confirm import confirm_attestations

SHA = "a" * 64
DIGEST = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]+$"},
}
DESCRIPTOR = {
    "type": "object",
    "required": ["digest"],
    "properties": {"name": {"type": "string"}, "digest": DIGEST},
}
# From the specifications of in-toto Statement v1 and SLSA Provenance v1: required fields and their types.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["_type", "subject", "predicateType", "predicate"],
    "properties": {
        "_type": {"const": "https://in-toto.io/Statement/v1"},
        "subject": {"type": "array", "minItems": 1, "items": {**DESCRIPTOR, "required": ["name", "digest"]}},
        "predicateType": {"const": "https://slsa.dev/provenance/v1"},
        "predicate": {
            "type": "object",
            "required": ["buildDefinition", "runDetails"],
            "propertyNames": {"pattern": "^(buildDefinition|runDetails|mlopskit_[a-z]+)$"},
            "properties": {
                "buildDefinition": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["buildType", "externalParameters"],
                    "properties": {
                        "buildType": {"type": "string", "pattern": "^[a-z]+:"},
                        "externalParameters": {"type": "object", "minProperties": 1},
                        "internalParameters": {"type": "object"},
                        "resolvedDependencies": {"type": "array", "items": DESCRIPTOR},
                    },
                },
                "runDetails": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["builder"],
                    "properties": {
                        "builder": {
                            "type": "object",
                            "required": ["id"],
                            "properties": {
                                "id": {"type": "string", "pattern": "^[a-z]+:"},
                                "version": {"type": "object", "additionalProperties": {"type": "string"}},
                            },
                        }
                    },
                },
            },
        },
    },
}


def reproduction(sha256: str = SHA) -> Reproduction:
    outputs = (
        OutputResult("models/m.skops", OutputLevel.IDENTICAL, sha256=sha256, recorded="0" * 32, md5="0" * 32),
        OutputResult("data/raw", OutputLevel.IDENTICAL, sha256="b" * 64, files={"1.csv": "c" * 64}),
    )
    inputs = (InputFact("source.csv", "d" * 64), InputFact("train.py", "e" * 64, in_git=True))
    stage = StageResult("train", StageOutcome.RAN, outputs, seconds=1.25, inputs=inputs)
    return Reproduction(
        "HEAD", "1" * 40, (stage,), 1, "all", Ladder(Rung.R4, ()), Rung.R3, "locked", {"python": "3.11.7"}
    )


def key(folder: Path, name: str) -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)], check=True
    )
    (folder / name).chmod(0o600)
    return folder / name


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Return two signed attestations of different builders, and the allowed signers."""
    made: list[Path] = []
    lines: list[str] = []
    for name in ("ci", "laptop"):
        private = key(tmp_path, f"key of {name}")
        lines.append(f"{name}@team {private.with_name(private.name + '.pub').read_text()}")
        made.append(tmp_path / f"{name}.json")
        write_attestation(attest(reproduction(), builder=name), made[-1])
        sign_file(made[-1], private, NAMESPACE)
    (tmp_path / "signers").write_text("".join(lines))
    return made[0], made[1], tmp_path / "signers"


def test_statement_has_the_form_of_the_specifications() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert list(Draft202012Validator(SCHEMA).iter_errors(attest(reproduction(), builder="ci"))) == []


def test_same_facts_give_the_same_bytes_whatever_the_time_they_took() -> None:
    made = reproduction()
    slower = replace(made, stages=(replace(made.stages[0], seconds=99.0),))
    assert dumps(attest(made)) == dumps(attest(slower))


def test_subjects_are_files_and_dependencies_what_the_commit_does_not_hold() -> None:
    made = attest(reproduction())
    assert [one["name"] for one in made["subject"]] == ["data/raw/1.csv", "models/m.skops"]
    names = [one["name"] for one in made["predicate"]["buildDefinition"]["resolvedDependencies"]]
    assert names == ["commit", "source.csv"]


def test_two_independent_builders_that_agree_reach_the_top(two: tuple[Path, Path, Path]) -> None:
    first, second, signers = two
    found = confirm_attestations(first.parent, [first, second], signers)
    assert (found.rung, found.reasons) == (Rung.R5, ())
    assert [one.signer.name for one in found.attestations if one.signer] == ["ci@team", "laptop@team"]


def test_one_output_that_differs_is_named(two: tuple[Path, Path, Path]) -> None:
    first, second, signers = two
    write_attestation(attest(reproduction("f" * 64), builder="laptop"), second)
    sign_file(second, second.parent / "key of laptop", NAMESPACE)
    found = confirm_attestations(first.parent, [first, second], signers)
    assert found.rung is Rung.R4
    assert found.reasons == (f"{first} and {second} disagree on models/m.skops",)


def test_edited_attestation_loses_its_signature(two: tuple[Path, Path, Path]) -> None:
    first, second, signers = two
    second.write_text(second.read_text().replace('"R4"', '"R3"'))
    found = confirm_attestations(first.parent, [first, second], signers)
    assert found.rung is not Rung.R5
    assert any("no signature of an allowed signer" in reason for reason in found.reasons)


def test_same_key_or_same_name_twice_is_one_builder(two: tuple[Path, Path, Path]) -> None:
    first, second, signers = two
    sign_file(second, first.parent / "key of ci", NAMESPACE)
    assert "same key" in " ".join(confirm_attestations(first.parent, [first, second], signers).reasons)
    write_attestation(attest(reproduction(), builder="ci"), second)
    sign_file(second, second.parent / "key of laptop", NAMESPACE)
    assert "all are of the builder `ci`" in " ".join(
        confirm_attestations(first.parent, [first, second], signers).reasons
    )


def test_unsigned_attestations_confirm_nothing(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_attestation(attest(reproduction(), builder=name), tmp_path / f"{name}.json")
    found = confirm_attestations(tmp_path, [tmp_path / "a.json", tmp_path / "b.json"], None)
    assert found.rung is Rung.R4
    assert len(found.reasons) == 2


def test_new_attestation_drops_the_signature_of_the_old_one(two: tuple[Path, Path, Path]) -> None:
    first = two[0]
    write_attestation(attest(reproduction("f" * 64), builder="ci"), first)
    assert not first.with_name("ci.json.sig").exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"predicate": 3}', "[" * 100_000, json.dumps({"_type": "x"})]
)
def test_file_that_is_no_attestation_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(BadDataError, match=r"a\.json is no attestation"):
        confirm_attestations(tmp_path, [tmp_path / "a.json"] * 2, None)


def test_one_attestation_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        confirm_attestations(tmp_path, [tmp_path / "a.json"], None)
