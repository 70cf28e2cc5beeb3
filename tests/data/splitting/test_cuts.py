from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_kit.artifacts.duck import open_duck
from mlops_kit.data.splitting.cuts import nth_smallest

PLACES = st.one_of(st.integers(-(2**62), 2**62), st.integers(-5, 5), st.integers(10**15, 10**15 + 3000))


@settings(max_examples=20, deadline=None)
@given(
    st.dictionaries(st.text(max_size=3), st.lists(PLACES, min_size=1, max_size=30), min_size=1, max_size=4),
    st.data(),
)
def test_a_rank_is_that_of_the_sorted_places(strata: dict[str, list[int]], data: st.DataObject) -> None:
    ranks = {name: data.draw(st.integers(0, len(places) - 1)) for name, places in strata.items()}
    with open_duck(threads=1) as duck:
        duck.run("CREATE TABLE t (stratum VARCHAR, place BIGINT)")
        for name, places in strata.items():
            duck.run("INSERT INTO t SELECT ?, unnest(?::BIGINT[])", [name, places])
        assert nth_smallest(duck, "t", ranks) == {n: sorted(strata[n])[rank] for n, rank in ranks.items()}
