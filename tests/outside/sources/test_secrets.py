"""No address and no message shows what is secret in it, and everything else stays readable."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlops_kit.errors import UsageError
from mlops_kit.outside.sources.secrets import expanded, masked, references, scrubbed, secrets_of

WORDS = st.text("abcdefXYZ0123456789-_/+=&@:%ü ", min_size=4, max_size=20).filter(
    lambda word: word.strip() == word
)


@given(WORDS, st.sampled_from(["postgresql+pg8000://me:{}@host/db", "https://{}@host/x", "https://host/x?a=1&sig={}",
                               "https://host/x?X-Amz-Signature={}&b=2", "https://host/x?api_key={}#f"]))  # fmt: skip
def test_no_address_shows_its_secret(word: str, shape: str) -> None:
    assume(quote(word, safe="") not in shape)
    address = shape.format(quote(word, safe=""))
    assert quote(word, safe="") not in masked(address)
    assert masked(masked(address)) == masked(address)


@given(WORDS)
def test_no_message_shows_the_value_of_a_reference(word: str) -> None:
    assume(word not in "connect to https://***@host/x failed for ''")
    template, environment = "https://me:${PASSWORD}@host/x", {"PASSWORD": word}
    for spelled in (word, quote(word, safe="")):
        said = scrubbed(
            f"connect to https://host/x failed for '{spelled}'", secrets_of(template, environment)
        )
        assert spelled not in said


@pytest.mark.parametrize(
    "text",
    [
        "https://host:8080/data/flights-2013-01.csv?month=1&carrier=UA",
        "s3://bucket/folder/*.parquet",
        "sqlite:///data/flights.db",
        "postgresql://host/db and 3@4 at 12:30",
        "https://host/x?token=${TOKEN}",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked(text) == text


def test_references_are_replaced_by_the_environment() -> None:
    template = "https://${USER_NAME}:${PASSWORD}@host/{month}"
    assert references(template) == ("USER_NAME", "PASSWORD")
    assert expanded(template, {"USER_NAME": "me", "PASSWORD": "p"}) == "https://me:p@host/{month}"


@pytest.mark.parametrize("environment", [{}, {"PASSWORD": ""}])
def test_variable_without_value_is_refused_by_name(environment: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="PASSWORD is not set"):
        expanded("https://me:${PASSWORD}@host", environment)
