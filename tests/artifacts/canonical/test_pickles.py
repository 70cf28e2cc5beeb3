"""Pickles of equal values are equal, whatever objects the process happened to share; what cannot be stable is refused."""

from __future__ import annotations

import io
import pickle
import threading

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_kit.artifacts.canonical.pickles import joblib_bytes, pickle_bytes
from mlops_kit.errors import BadDataError

TEXTS = st.text(max_size=3)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(TEXTS, inner, max_size=3)
        | st.sets(TEXTS | st.integers() | st.tuples(TEXTS, st.integers()), max_size=4)
        | st.frozensets(TEXTS, max_size=3)
    ),
    max_leaves=12,
)


class Keeper:
    """Keeps the address of its list, as scikit-learn's vectorizers keep that of their stop words."""

    def __init__(self) -> None:
        self.words = ["a"]
        self.number = id(self.words)


class Ring:
    """Refers to itself, through a tuple and a set too."""

    def __init__(self) -> None:
        self.inner = (self, [self], {self})


def unshared(value: object) -> object:
    """Return an equal value in which no text and no tuple is shared."""
    return pickle.loads(pickle.dumps(value))


@given(PLAIN)
def test_pickle_does_not_depend_on_which_objects_are_shared(value: object) -> None:
    written = pickle_bytes([value, value, "key"])
    assert pickle.loads(written) == [value, value, "key"]
    assert pickle_bytes(unshared(["key", value])) == pickle_bytes(["key", value])
    assert joblib_bytes(unshared(value)) == joblib_bytes(value)


@given(st.lists(st.integers() | TEXTS | st.tuples(TEXTS, st.integers()), max_size=8))
def test_set_has_one_order(items: list[object]) -> None:
    backwards = items[::-1]
    assert pickle_bytes(set(items)) == pickle_bytes(set(backwards))


def test_texts_made_twice_are_written_once() -> None:
    again = "-long"[1:]
    assert pickle_bytes(["long", again, {again: 1}]) == pickle_bytes(["long", "long", {"long": 1}])
    one, two = (np.array([text, "long", None], dtype=object) for text in ("long", again))
    assert joblib_bytes(one) == joblib_bytes(two)


def test_lists_that_are_one_object_stay_one() -> None:
    shared = [1]
    first, second = pickle.loads(pickle_bytes([shared, shared]))
    assert first is second


def test_object_that_refers_to_itself_is_read_back() -> None:
    ring = pickle.loads(pickle_bytes(Ring()))
    assert ring.inner[1] == [ring]
    assert ring.inner[0] is ring


@pytest.mark.parametrize("encode", [pickle_bytes, joblib_bytes])
def test_object_that_keeps_an_address_is_refused_by_name(encode: object) -> None:
    with pytest.raises(BadDataError, match="`number` of a Keeper") as caught:
        encode([Keeper()])  # type: ignore[operator]
    assert "__getstate__" in caught.value.fix


def test_number_in_a_list_that_equals_an_address_is_data() -> None:
    item = object
    assert pickle.loads(pickle_bytes([item, id(item), id(None), None])) == [item, id(item), id(None), None]


@pytest.mark.parametrize(
    "value", [lambda: 1, threading.Lock(), [io.StringIO, open]], ids=["lambda", "lock", "fine"]
)
def test_what_cannot_be_pickled_is_bad_data(value: object) -> None:
    if isinstance(value, list):
        assert pickle.loads(pickle_bytes(value)) == value
        return
    with pytest.raises(BadDataError, match="cannot be pickled") as caught:
        pickle_bytes({"a": value})
    assert "0x" not in caught.value.message


def test_frames_made_in_different_ways_are_equal() -> None:
    whole = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [3, 4]})
    grown = pd.DataFrame({"a": [1, 2]})
    grown["b"], grown["c"] = ["x", "y"], [3, 4]
    joined = pd.concat([whole.iloc[:1], whole.iloc[1:]])
    joined.index = whole.index
    assert pickle_bytes(whole) == pickle_bytes(grown) == pickle_bytes(joined)
    pd.testing.assert_frame_equal(pickle.loads(pickle_bytes(grown)), whole)


def test_view_of_an_array_is_written_as_the_array() -> None:
    array = np.arange(12.0).reshape(3, 4)
    assert pickle_bytes(array[:, ::2]) == pickle_bytes(array[:, ::2].copy())
    assert joblib_bytes(array[:, ::2]) == joblib_bytes(array[:, ::2].copy())


@pytest.mark.parametrize(
    "words", [None, ["late"], {"late", "gate"}, "english"], ids=["none", "list", "set", "english"]
)
def test_vectorizer_loses_the_address_of_its_stop_words(words: object) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    from mlops_kit.artifacts.canonical.model import dump_model, load_model

    texts = ["late at the gate", "a late flight", "on time"]
    if isinstance(words, set):
        words = sorted(words)
    fitted = [
        TfidfVectorizer(stop_words=list(words) if isinstance(words, list) else words).fit(texts)
        for _ in range(2)
    ]
    for encode in (joblib_bytes, pickle_bytes, dump_model):
        assert encode(fitted[0]) == encode(fitted[1])  # type: ignore[operator]
    for read in (joblib.load(io.BytesIO(joblib_bytes(fitted[0]))), load_model(dump_model(fitted[0]))):
        assert (read.transform(texts) != fitted[0].transform(texts)).nnz == 0
    assert "_stop_words_id" in vars(fitted[0])


def test_boosting_predicts_the_same_after_its_threads_are_forgotten() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    features = np.random.default_rng(0).integers(0, 5, (60, 3))
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features=[0]).fit(
        features, features[:, 1] > 2
    )
    read = joblib.load(io.BytesIO(joblib_bytes(model)))
    assert np.array_equal(read.predict_proba(features), model.predict_proba(features))
