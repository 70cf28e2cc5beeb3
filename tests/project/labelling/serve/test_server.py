"""The real server over HTTP: who may ask, what is answered, what is on the disk."""

from __future__ import annotations

import csv
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlops_kit.outside.web_server import _is_allowed, is_loopback
from mlops_kit.project.labelling.export import export_items
from mlops_kit.project.labelling.import_ import Options, import_answers
from mlops_kit.spec.kinds import JsonValue
from tests.support.label_page import LABELS, Served, events_of, make_project, served, served_here

TWO = ("--annotator", "anna", "--annotator", "ben")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("notes"))


@pytest.fixture(scope="module")
def page(home: Path) -> Iterator[Served]:
    with served(home, *TWO) as running:
        yield running


def test_an_answer_is_an_event_on_the_disk(page: Served, home: Path) -> None:
    _, state = page.ask("GET", "/api/next")
    item = state["item"]
    status, told = page.ask("POST", "/api/answer", {"item": item["item"], "content": item["content"], "value": "good", "seconds": 2.5})  # fmt: skip
    assert (status, told["fresh"]) == (201, True)
    event = next(event for event in events_of(home) if event["id"] == told["event"])
    assert (event["value"], event["annotator"], event["guideline"], event["seconds"]) == ("good", "anna", "3", 2.5)  # fmt: skip
    assert event["batch"] == page.ready["batches"]["anna"]


def test_the_same_answer_twice_is_one_event(page: Served, home: Path) -> None:
    item = page.ask("GET", "/api/next")[1]["item"]["item"]
    first = page.ask("POST", "/api/answer", {"item": item, "value": "bad"})
    second = page.ask("POST", "/api/answer", {"item": item, "value": "bad"})
    assert (first[0], second[0], second[1]["fresh"]) == (201, 200, False)
    assert [event["item"] for event in events_of(home)].count(item) == 1
    assert page.ask("POST", "/api/answer", {"item": item, "value": "good"})[0] == 409


def test_undo_takes_back_and_the_next_answer_stands(page: Served, home: Path) -> None:
    item = page.ask("GET", "/api/next")[1]["item"]["item"]
    _, given = page.ask("POST", "/api/answer", {"item": item, "value": "bad"})
    _, undone = page.ask("POST", "/api/undo", {})
    assert (undone["item"]["item"], undone["said"]) == (item, "bad")
    assert page.ask("GET", "/api/next")[1]["item"]["item"] == item
    assert page.ask("POST", "/api/answer", {"item": item, "value": "good"})[0] == 201
    chain = [event for event in events_of(home) if event["item"] == item]
    assert [event["value"] for event in chain] == ["bad", None, "good"]
    assert [event.get("supersedes") for event in chain] == [None, chain[0]["id"], chain[1]["id"]]
    assert chain[0]["id"] == given["event"]


def test_two_annotators_are_never_asked_the_same_with_one_vote(page: Served) -> None:
    assert page.ask("GET", "/api/next")[1]["item"]["item"] != page.ask("GET", "/api/next", who="ben")[1]["item"]["item"]  # fmt: skip


def test_later_puts_an_item_to_the_end(page: Served, home: Path) -> None:
    before = len(events_of(home))
    item = page.ask("GET", "/api/next", who="ben")[1]["item"]["item"]
    assert page.ask("POST", "/api/skip", {"item": item}, who="ben")[1]["item"]["item"] != item
    assert len(events_of(home)) == before


def test_what_is_pii_is_never_sent(page: Served) -> None:
    _, content = page.ask_raw("GET", "/api/next")
    assert b"secret" not in content
    assert [cell["column"] for cell in page.ask("GET", "/api/next")[1]["item"]["cells"]] == ["id", "note"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": ""}, 401),
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example@127.0.0.1"}, 421),
        ({"Host": "10.0.0.1"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Host": "localhost"}, 200),
    ],
)
def test_strangers_are_turned_away(page: Served, headers: dict[str, str], status: int) -> None:
    assert page.ask_raw("GET", "/api/next", **headers)[0] == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"item": "n01", "value": "ugly"}, 422),
        ({"item": "n01", "value": 3}, 422),
        ({"item": "nobody", "value": "good"}, 404),
        ({"item": "n01"}, 400),
        ({"item": "n01", "value": "good", "annotator": "ben"}, 400),
        ({"item": "n01", "value": "good", "content": "0" * 16}, 409),
        ({"item": "n01", "value": "good", "seconds": -1}, 422),
        ({"item": "n01", "value": "good", "confidence": 2}, 422),
        ("{", 400),
        ("[" * 100_000, 400),
        ('{"item": "n01", "value": "good", "seconds": NaN}', 400),
        ('{"item": "n01", "value": "good", "seconds": 1e999}', 400),
        ({"item": "n01", "value": "good", "seconds": 10**400}, 400),
        ({"item": "n01", "value": "good", "reason": "\ud800"}, 400),
        ({"item": "n01' OR '1'='1", "value": "good"}, 404),
        ({"item": "a\0b", "value": "good"}, 404),
    ],
)
def test_a_bad_answer_is_refused_and_not_written(page: Served, home: Path, body: object, status: int) -> None:
    before = len(events_of(home))
    got, told = page.ask("POST", "/api/answer", body, who="ben")
    assert (got, bool(told["error"])) == (status, True)
    assert len(events_of(home)) == before


def test_a_body_of_another_type_or_too_long_is_refused(page: Served) -> None:
    assert page.ask("POST", "/api/undo", "{}", **{"Content-Type": "text/plain"})[0] == 400
    assert page.ask("POST", "/api/undo", "x" * (1 << 21))[0] == 413


def test_a_second_server_of_the_task_is_refused(page: Served, home: Path) -> None:
    with pytest.raises(AssertionError, match="served here already"), served(home, *TWO):
        pass


def test_after_a_kill_all_is_there_and_the_address_is_the_same(tmp_path: Path) -> None:
    root = make_project(tmp_path, count=4)
    with served(root, "--annotator", "anna") as first:
        for _ in range(2):
            item = first.ask("GET", "/api/next")[1]["item"]["item"]
            first.ask("POST", "/api/answer", {"item": item, "value": "good"})
    (file,) = (root / "labels/events").iterdir()
    with file.open("a") as torn:
        torn.write('{"id": "abc", "item": "n')
    with served(root, "--annotator", "anna") as again:
        assert again.ready["links"] == first.ready["links"]
        assert again.ready["batches"] == first.ready["batches"]
        assert again.ready["items"] == 2
        undone = again.ask("POST", "/api/undo", {})[1]
        assert undone["item"]["item"] == item
        assert again.process
        again.process.send_signal(signal.SIGINT)
        assert again.process.wait(30) == 0
        assert again.process.stdout is not None
        assert again.process.stdout.read() == '{"answers": {"anna": 0}}\n'
    assert [event["value"] for event in events_of(root)] == ["good", "good", None]


def test_the_page_and_a_csv_file_give_the_same_events(tmp_path: Path) -> None:
    answers: dict[str, JsonValue] = {"n00": "good", "n01": "bad", "n02": None}
    labels = LABELS + "    acceptance: {min_complete: 0.5}\n"
    root, other = (make_project(tmp_path / name, labels, count=3) for name in ("page", "csv"))
    with served_here(root) as running:
        for item, value in answers.items():
            assert running.ask("POST", "/api/answer", {"item": item, "value": value})[0] == 201
    export_items(other, tmp_path / "todo.csv", batch="b")
    rows = list(csv.DictReader((tmp_path / "todo.csv").read_text(encoding="utf-8-sig").splitlines()))
    with (tmp_path / "done.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "value": answers[row["item"]] or "?"} for row in rows)
    import_answers(other, tmp_path / "done.csv", Options(annotator="anna"))
    same = ("item", "task", "value", "annotator", "source", "role", "content", "guideline", "supersedes")
    found = [sorted([[event.get(name) for name in same] for event in events_of(each)], key=str) for each in (root, other)]  # fmt: skip
    assert found[0] == found[1]


def test_eight_annotators_at_once_never_share_an_item(tmp_path: Path) -> None:
    root = make_project(tmp_path, count=60)
    people = [f"p{number}" for number in range(8)]

    def work(who: str) -> None:
        while (item := running.ask("GET", "/api/next", who=who)[1]["item"]) is not None:
            running.ask("POST", "/api/answer", {"item": item["item"], "value": "good"}, who=who)

    with served_here(root, None, *people) as running, ThreadPoolExecutor(8) as pool:
        list(pool.map(work, people))
    events = events_of(root)
    assert len({event["item"] for event in events}) == len(events) == 60
    assert len({event["time"] for event in events}) == 60


def test_a_phone_reaches_a_server_that_listens_everywhere_and_a_strange_name_does_not() -> None:
    assert [_is_allowed(host, "0.0.0.0") for host in ("192.168.1.7:80", "localhost", "evil.example", "")] == [True, True, False, False]  # fmt: skip
    assert [_is_allowed(host, "127.0.0.1") for host in ("127.0.0.1:80", "[::1]:80", "192.168.1.7")] == [True, True, False]  # fmt: skip
    assert not is_loopback("0.0.0.0")
