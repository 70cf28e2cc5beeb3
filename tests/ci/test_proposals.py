"""The one pull request of a proposal, against a real HTTP server on loopback."""

from __future__ import annotations

import pytest

from mlops_kit.ci.providers import ChangeRequest, github
from mlops_kit.errors import OutsideError
from tests.ci.test_comment import Api, api  # noqa: F401 - the fixture

REQUEST = ChangeRequest("mlops/acquire", "main", "Data: July", "text")


def answer(api: tuple[Api, dict[str, str]], pulls: list[object]) -> None:  # noqa: F811 - the fixture's value
    def with_pulls(method: str, path: str, query: dict[str, str], body: object) -> object:
        if method == "GET":
            return 200, pulls, {}
        api[0].writes.append((method, path.rpartition("/")[2]))
        return 201, {"number": 3, "html_url": "http://127.0.0.1/pull/3"}, {}

    api[0].answer = with_pulls  # type: ignore[assignment,method-assign]


def test_pull_request_of_a_fork_is_not_taken_for_ours(api: tuple[Api, dict[str, str]]) -> None:  # noqa: F811
    branch = {"ref": "mlops/acquire", "sha": "a" * 40}
    answer(
        api,
        [
            {"number": 1, "head": {**branch, "repo": None}},
            {"number": 2, "head": {**branch, "repo": {"full_name": "bob/fork"}}},
        ],
    )
    assert github.open_change(REQUEST, api[1]).startswith("opened")
    assert api[0].writes == [("POST", "pulls"), ("POST", "dispatches")], "the pull request, then its run"


def test_setting_that_forbids_pull_requests_is_named(api: tuple[Api, dict[str, str]]) -> None:  # noqa: F811
    answer(api, [])
    ordinary = api[0].answer

    def refuse(method: str, path: str, query: dict[str, str], body: object) -> object:
        if method == "POST":
            return 403, {"message": "Actions is not permitted to create pull requests"}, {}
        return ordinary(method, path, query, body)

    api[0].answer = refuse  # type: ignore[assignment,method-assign]
    with pytest.raises(OutsideError) as caught:
        github.open_change(REQUEST, api[1])
    assert "must allow Actions to create pull requests" in caught.value.fix
