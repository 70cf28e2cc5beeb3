"""`mlops-kit label export`: items go out, with a manifest that says which, in which content, under which guidelines."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mlops_kit.artifacts.duck import Duck, open_duck
from mlops_kit.errors import RefusedError, UsageError
from mlops_kit.labels.delivery.choosing import Choice, blend_gold, choose_open
from mlops_kit.labels.delivery.forms import FORMS, form_of
from mlops_kit.labels.delivery.manifest import (
    check_batch_name,
    manifest_path,
    manifest_text,
    open_exports,
    read_manifest,
)
from mlops_kit.labels.delivery.model import Manifest, OutBatch, OutItem
from mlops_kit.labels.delivery.pool import Pool
from mlops_kit.labels.delivery.results import Exported
from mlops_kit.labels.guidelines import read_guidelines
from mlops_kit.labels.places import BATCHES
from mlops_kit.labels.queue.model import QueuedItem, read_queue
from mlops_kit.outside.label_studio import is_server
from mlops_kit.project.labelling.files import put_text, put_whole
from mlops_kit.project.labelling.images import carried
from mlops_kit.project.labelling.known import known_answers
from mlops_kit.project.labelling.pool import open_pool
from mlops_kit.project.labelling.studio import push_batch
from mlops_kit.project.roots import find_root
from mlops_kit.spec.kinds import JsonValue

# Strategies whose items have answers, and are to be answered once more (docs/how-to/labels-queue.md).
_ANSWERED = ("review", "disagreeing", "mislabelled")


def export_items(
    start: Path,
    to: Path | str,
    *,
    task: str | None = None,
    form: str | None = None,
    batch: str | None = None,
    budget: int | None = None,
    queue: bool | None = None,
    suggestions: bool = True,
    now: dt.datetime | None = None,
) -> Exported:
    """Hand out items of a task for people who label elsewhere, and record them in labels/batches/<batch>.json.

    `to` is a file, a folder (which also gets the guidelines), or the address of a Label Studio server, where a project is made.

    The items are those of labels/queue/<task>.jsonl in its order, or without a queue (or with `queue=False`) those that lack answers, by name, with
    gold questions among them; `budget` is the most. What another open export holds already stays out. The same export again changes nothing.
    Raises UsageError when there is nothing to export, RefusedError when a file or a manifest of that name says something else.
    """
    if budget is not None and budget < 1:
        raise UsageError("a budget of no items", fix="--budget 100")
    root = find_root(start)
    pool = open_pool(root, task)
    server = str(to) if is_server(str(to)) else None
    place = Path(to)
    chosen_form = "label-studio" if server else form or ("csv" if _is_folder(place) else "")
    chosen_form = form_of(place.name, chosen_form or None)
    previous = read_manifest(root, batch) if batch else None
    with open_duck() as duck:
        pool.view(duck)
        choice = _again(pool, previous) if previous else _choice(pool, duck, budget, queue)
        items = _out_items(pool, duck, choice, form=chosen_form, suggestions=suggestions)
    if not items:
        raise UsageError(_nothing(pool, choice), fix="mlops-kit label status")
    guidelines = read_guidelines(root, pool.task.guidelines)
    guideline = guidelines.version if guidelines else None
    name = check_batch_name(batch) if batch else _batch_name(pool, items, guideline, now)
    previous = previous or read_manifest(root, name)
    out = OutBatch(name, pool.name, guideline, items)
    manifest = _manifest(pool, out, choice, chosen_form, previous, now)
    text = guidelines.text if guidelines else ""
    if server:
        changed = [put_text(manifest_path(root, name), manifest_text(manifest), root)]
        pushed = push_batch(server, out, pool.shown, pool.task, text)
        changed.append(pushed.new > 0)
        files = [f"{server.rstrip('/')}/projects/{pushed.project}"]
    else:
        contents = FORMS[chosen_form].write(out, pool.shown, pool.task)
        written = _files(
            place, name, contents, {Path(pool.task.guidelines).name: text.encode()} if text else {}
        )
        changed = [put_whole(path, content, root) for path, content in written.items()]
        changed.append(put_text(manifest_path(root, name), manifest_text(manifest), root))
        files = [path.as_posix() for path in written]
    return _exported(pool, out, choice, files, changed=any(changed))


def _choice(pool: Pool, duck: Duck, budget: int | None, queue: bool | None) -> Choice:
    known = known_answers(pool.root, pool.name, pool.labelling)
    out = open_exports(pool.root, pool.name)
    queued = read_queue(pool.root, pool.name) if queue is not False else ()
    if queue and not queued:
        raise UsageError(f"no queue for {pool.name}", fix=f"mlops-kit label queue {pool.name} --budget 100")
    there = pool.hashes(duck, [each.item for each in queued] or None)
    wanted = [each.item for each in queued] or sorted(set(there) - set(known.gold))
    again = {each.item for each in queued if each.strategy in _ANSWERED}
    choice = choose_open(wanted, there, known, out, pool.task.votes, budget=budget, again=again)
    if queued:
        gold = sum(item in known.gold for item in choice.items)
        return replace(choice, gold=gold, suggestions=_suggested(queued))
    available = pool.hashes(duck, sorted(known.gold)) if pool.task.queue.gold else {}
    return blend_gold(choice, available, pool.task.queue, budget)


def _suggested(queued: Sequence[QueuedItem]) -> dict[str, tuple[JsonValue, float | None]]:
    """Return item -> the model's answer and its probability."""
    return {each.item: (each.prelabel.value, each.prelabel.probability) for each in queued if each.prelabel}


def _again(pool: Pool, previous: Manifest) -> Choice:
    """Return what the manifest says went out under this name."""
    if previous.exported is None or previous.task != pool.name:
        raise RefusedError(
            f"{previous.batch} is the name of another batch, of task {previous.task}",
            fix="choose another: --batch",
        )
    queued = _suggested(read_queue(pool.root, pool.name))
    return Choice(tuple(previous.items), gold=int(previous.exported.get("gold", 0)), suggestions=queued)


def _out_items(
    pool: Pool, duck: Duck, choice: Choice, *, form: str, suggestions: bool
) -> tuple[OutItem, ...]:
    made = []
    for item, content, data in pool.rows(duck, choice.items):
        value, probability = choice.suggestions.get(item, (None, None)) if suggestions else (None, None)
        plain = {
            name: carried(cell, pool.root, form=form, image=name == pool.task.image)
            for name, cell in data.items()
        }
        made.append(OutItem(item, content, plain, value, probability))
    return tuple(made)


def _batch_name(pool: Pool, items: Sequence[OutItem], guideline: str | None, now: dt.datetime | None) -> str:
    said = json.dumps([pool.name, guideline, [[each.item, each.content] for each in items]])
    day = (now or dt.datetime.now(dt.UTC)).strftime("%Y%m%d")
    return f"{pool.name}-{day}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"


def _manifest(
    pool: Pool, out: OutBatch, choice: Choice, form: str, previous: Manifest | None, now: dt.datetime | None
) -> Manifest:
    """Return the record of an export: the one that is here when it says the same. Raises RefusedError when it says anything else."""
    items = {each.item: each.content for each in out.items}
    if previous is not None:
        if previous.exported is None or list(previous.items.items()) != list(items.items()):
            raise RefusedError(
                f"labels/batches/{out.batch}.json is there already and says that other items or contents went out",
                fix="choose another name: --batch",
            )
        return previous
    facts = {
        "time": (now or dt.datetime.now(dt.UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "format": form,
        "guideline": out.guideline,
        "columns": list(pool.shown),
        "count": len(out.items),
        "gold": choice.gold,
        "suggested": sum(_is_suggested(each) for each in out.items),
    }
    return Manifest(out.batch, pool.name, facts, items)


def _files(
    to: Path, batch: str, contents: Mapping[str, bytes], beside: Mapping[str, bytes]
) -> dict[Path, bytes]:
    """Return what to write where: into a folder under the name of the batch, with what goes beside it; else to the file itself."""
    if _is_folder(to):
        made = {to / f"{batch}{suffix}": content for suffix, content in contents.items()}
        return made | {to / name: content for name, content in beside.items()}
    first, *more = contents.items()
    return {to: first[1]} | {to.with_suffix(suffix): content for suffix, content in more}


def _exported(pool: Pool, out: OutBatch, choice: Choice, files: Sequence[str], *, changed: bool) -> Exported:
    return Exported(
        batch=out.batch,
        task=pool.name,
        files=tuple(files),
        manifest=f"{BATCHES}/{out.batch}.json",
        items=len(out.items),
        gold=choice.gold,
        suggested=sum(_is_suggested(each) for each in out.items),
        guideline=out.guideline,
        columns=pool.shown,
        hidden=tuple(sorted(pool.hidden & set(pool.kinds))),
        waiting=choice.waiting,
        gone=choice.gone,
        changed=changed,
    )


def _is_suggested(item: OutItem) -> bool:
    return item.suggestion is not None or item.probability is not None


def _is_folder(to: Path) -> bool:
    return to.is_dir() or (not to.suffix and not to.exists())


def _nothing(pool: Pool, choice: Choice) -> str:
    if choice.waiting:
        return f"nothing to export: {choice.waiting:,} items of {pool.name} are in exports that have not come back"
    return f"nothing to export: every item of {pool.name} has its {pool.task.votes} answers, or there are no items"
