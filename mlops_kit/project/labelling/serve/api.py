"""The page's own language: JSON over HTTP. docs/how-to/labels-serve.md describes it."""

from __future__ import annotations

import hmac
import json
import math
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, NoReturn

from mlops_kit.errors import BadDataError, MlopsKitError, OutsideError, UsageError
from mlops_kit.labels.asking.board import Asked
from mlops_kit.labels.guidelines import read_guidelines
from mlops_kit.outside.resources import templates_root
from mlops_kit.outside.web_server import Request, Response
from mlops_kit.project.labelling.serve.session import ConflictError, LabelSession, Reply, UnknownItemError

FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/answers.js": ("answers.js", "text/javascript; charset=utf-8"),
    "/spans.js": ("spans.js", "text/javascript; charset=utf-8"),
    "/boxes.js": ("boxes.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}

LONGEST = 200_000
"""Most characters of guidelines that are shown."""
LARGEST = 1e12


class LabelApi:
    """Answers requests: the page to everybody, data to whoever has the token of an annotator."""

    def __init__(self, session: LabelSession, tokens: Mapping[str, str]) -> None:
        self._session = session
        self._tokens = tokens
        folder = templates_root() / "label"
        self._files = {path: ((folder / name).read_bytes(), kind) for path, (name, kind) in FILES.items()}
        self._routes: Mapping[tuple[str, str], Callable[[str, Request], Response]] = {
            ("GET", "/api/task"): self._task,
            ("GET", "/api/next"): self._next,
            ("GET", "/api/image"): self._image,
            ("POST", "/api/answer"): self._answer,
            ("POST", "/api/skip"): self._skip,
            ("POST", "/api/undo"): self._undo,
        }

    def __call__(self, request: Request) -> Response:
        """Answer one request. Never raises."""
        if request.path in self._files and request.method == "GET":
            body, kind = self._files[request.path]
            return Response(200, body, kind)
        annotator = self._whose(request.token)
        if annotator is None:
            return _error(401, "the token is missing or wrong", "open the whole address that was printed")
        route = self._routes.get((request.method, request.path))
        if route is None:
            known = any(path == request.path for _, path in self._routes)
            return _error(405 if known else 404, f"{request.method} {request.path[:100]} is not known here")
        try:
            return route(annotator, request)
        except MlopsKitError as error:
            return _error(_status(error), error.message, error.fix)
        except Exception as error:  # noqa: BLE001 - the server goes on, and says what happened
            traceback.print_exc(file=sys.stderr)
            return _error(500, f"unexpected {type(error).__name__}; nothing was written")

    def _whose(self, token: str) -> str | None:
        """Return whose token it is; every one is compared in full, so that time tells nothing."""
        given = token.encode("utf-8", "replace")
        found = [name for name, own in self._tokens.items() if hmac.compare_digest(own.encode(), given)]
        return found[0] if found else None

    def _task(self, annotator: str, _request: Request) -> Response:
        pool = self._session.items.pool
        task = pool.task
        return _json(
            {
                "task": pool.name,
                "type": task.type,
                "question": task.question or f"{pool.name}?",
                "classes": [{"name": name, "key": key} for name, key in _keys(task.classes, task.shortcuts)],
                "min": task.min,
                "max": task.max,
                "text": task.text,
                "image": task.image,
                "role": self._session.items.role,
                "annotator": annotator,
                "batch": self._session.batches[annotator],
                "guidelines": self._guidelines(),
                "prelabels": self._session.prelabels,
            }
        )

    def _guidelines(self) -> dict[str, Any]:
        pool = self._session.items.pool
        found = read_guidelines(pool.root, pool.task.guidelines)
        return {"version": found.version if found else None, "text": found.text[:LONGEST] if found else ""}

    def _next(self, annotator: str, _request: Request) -> Response:
        return _json(self._state(annotator, self._session.next(annotator)))

    def _answer(self, annotator: str, request: Request) -> Response:
        taken = self._session.answer(annotator, _reply(_object(request)))
        state = self._state(annotator, self._session.next(annotator))
        return _json({"event": taken.event, "fresh": taken.fresh, "next": state}, 201 if taken.fresh else 200)

    def _skip(self, annotator: str, request: Request) -> Response:
        self._session.put_off(annotator, _text(_object(request), "item"))
        return _json(self._state(annotator, self._session.next(annotator)))

    def _undo(self, annotator: str, request: Request) -> Response:
        _object(request)
        found = self._session.undo(annotator)
        if found is None:
            raise ConflictError("there is no answer to take back")
        return _json({**self._state(annotator, found[0]), "said": found[1]})

    def _image(self, _annotator: str, request: Request) -> Response:
        found = self._session.image(request.query.get("item", ""))
        if found is None:
            return _error(404, "this item has no image of a kind that browsers show")
        kind, content = found
        return Response(200, content, kind)

    def _state(self, annotator: str, asked: Asked | None) -> dict[str, Any]:
        return {
            "item": None if asked is None else self._shown(asked),
            "progress": asdict(self._session.progress(annotator)),
            "guideline": self._session.guideline(),
        }

    def _shown(self, asked: Asked) -> dict[str, Any]:
        prelabel = asked.prelabel if self._session.prelabels else None
        return {
            "item": asked.item,
            "content": asked.content,
            "cells": [{"column": column, "value": value} for column, value in asked.cells],
            "text": asked.text,
            "image": asked.has_image,
            "prelabel": None if prelabel is None else asdict(prelabel),
            "votes": [{"annotator": name, "value": value} for name, value in asked.votes],
        }


_LETTERS = "123456789abdefhijklmoqrtvwyz"  # those that the page needs are left out


def _keys(classes: tuple[str, ...], shortcuts: Mapping[str, str]) -> list[tuple[str, str | None]]:
    """Return each class with its key: its shortcut, else the next free digit or letter, else none."""
    taken = {key.casefold() for key in shortcuts.values()}
    free = iter([key for key in _LETTERS if key not in taken])
    return [(name, shortcuts.get(name) or next(free, None)) for name in classes]


def _object(request: Request) -> dict[str, Any]:
    # A form of another page cannot send this type without being asked for leave first.
    if request.kind != "application/json":
        raise UsageError("the body must be JSON", fix="Content-Type: application/json")
    try:
        value = json.loads(request.body, parse_constant=_no_constant, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()  # half a character cannot be written
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UsageError("the body is no JSON object")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_constant(text)


def _reply(body: Mapping[str, Any]) -> Reply:
    if "value" not in body:
        raise UsageError("`value` is missing; null says that you cannot tell")
    known = {"item", "value", "content", "seconds", "confidence", "reason", "guideline", "supersedes"}
    unknown = sorted(set(body) - known)
    if unknown:
        raise UsageError(
            f"`{unknown[0][:100]}` is not known here", fix=f"known are {', '.join(sorted(known))}"
        )
    return Reply(
        item=_text(body, "item"),
        value=body["value"],
        content=_maybe_text(body, "content"),
        seconds=_maybe_number(body, "seconds"),
        confidence=_maybe_number(body, "confidence"),
        reason=_maybe_text(body, "reason"),
        guideline=_maybe_text(body, "guideline"),
        supersedes=_maybe_text(body, "supersedes"),
    )


def _text(body: Mapping[str, Any], name: str) -> str:
    value = _maybe_text(body, name)
    if value is None:
        raise UsageError(f"`{name}` is missing")
    return value


def _maybe_text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"`{name}` must be a text")
    return value


def _maybe_number(body: Mapping[str, Any], name: str) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST:
        raise UsageError(f"`{name}` must be a number")
    return float(value)


def _status(error: MlopsKitError) -> int:
    kinds = ((ConflictError, 409), (UnknownItemError, 404), (BadDataError, 422), (OutsideError, 503))
    return next((status for kind, status in kinds if isinstance(error, kind)), 400)


def _json(value: Mapping[str, Any], status: int = 200) -> Response:
    return Response(status, (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode())


def _error(status: int, message: str, fix: str = "") -> Response:
    return _json({"error": message, **({"fix": fix} if fix else {})}, status)
