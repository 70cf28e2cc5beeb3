"""`mlops-kit label import`: answers come back, are tested, and become part of the truth or stay outside with the reason."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mlops_kit.errors import BadDataError, UsageError
from mlops_kit.labels.delivery.acceptance import Check, Evidence, is_accepted, judge, why_rejected
from mlops_kit.labels.delivery.forms import FORMS, form_of
from mlops_kit.labels.delivery.manifest import check_batch_name, manifest_path, manifest_text, read_manifest
from mlops_kit.labels.delivery.model import Answer, Delivery, Manifest
from mlops_kit.labels.delivery.results import Decision, Imported, Taken
from mlops_kit.labels.events.model import LabelEvent
from mlops_kit.labels.events.values import value_fault
from mlops_kit.outside.label_studio import is_server
from mlops_kit.project.labelling.annotators import read_people
from mlops_kit.project.labelling.files import put_text
from mlops_kit.project.labelling.intake import Mode, take_batch
from mlops_kit.project.labelling.known import earlier_answers, same_answers, saying
from mlops_kit.project.labelling.pool import chosen_task
from mlops_kit.project.labelling.pseudonyms import pseudonyms
from mlops_kit.project.labelling.studio import pull_batch
from mlops_kit.project.roots import find_root
from mlops_kit.spec.labels import EventRole, EventSource, Labelling
from mlops_kit.spec.load import read_labelling


@dataclass(frozen=True)
class Options:
    """What the caller says about a delivery."""

    task: str | None = None
    """Task; by default that of the export that it answers, or the only one."""
    batch: str | None = None
    """Name of the delivery; by default that of the export, or of the file, and a few digits of the file's hash."""
    answers: str | None = None
    """The export that it answers, where neither the file nor the batch says so."""
    form: str | None = None
    """Form of the file; by its name by default."""
    annotator: str | None = None
    """Who answered, for files that do not say."""
    source: EventSource | None = None
    """What kind of annotators; by default what the roster says, else `person`."""
    role: EventRole = "vote"
    """What the answers are."""
    force: str | None = None
    """Why a delivery is taken that its test rejects."""
    partial: bool = False
    """More will come: whether it is complete is told and not judged."""
    dry_run: bool = False
    """Judge, and write nothing."""


def import_answers(
    start: Path, source: Path | str, options: Options | None = None, *, now: dt.datetime | None = None
) -> Imported:
    """Read the answers in a file or on a Label Studio server, test them by `acceptance` of the task, and take them, or refuse them all.

    What was decided, and why, is recorded in labels/batches/<batch>.json. The same file again changes nothing; one that was rejected is
    taken with `force`. Raises BadDataError for a file that is no delivery, UsageError where nobody says who answered or which task.
    """
    options = options or Options()
    root = find_root(start)
    labelling = read_labelling(root)
    come = _from_server if is_server(str(source)) else _from_file
    return come(root, labelling, source, options).run(now)


def _from_file(root: Path, labelling: Labelling, source: Path | str, options: Options) -> _Import:
    file = Path(source)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", fix="name the file that came back"
        ) from None
    name = form_of(file.name, options.form, content)

    def read(task: str) -> Delivery:
        return FORMS[name].read(content, labelling.tasks[task], file.name)

    first = options.task if options.task in labelling.tasks else next(iter(labelling.tasks))
    delivery = read(str(first))
    export = _export(root, (options.answers, delivery.batch, options.batch), options.answers)
    task = chosen_task(labelling, options.task or (export.task if export else None))
    delivery = delivery if task == first else read(task)
    digest = hashlib.sha256(content).hexdigest()
    stem = export.batch if export else file.name.partition(".")[0]
    batch = check_batch_name(options.batch or f"{_plain(stem)}-{digest[:6]}")
    return _Import(root, labelling, task, batch, export, options, digest, delivery, name)


def _from_server(root: Path, labelling: Labelling, source: Path | str, options: Options) -> _Import:
    names = (options.answers, options.batch)
    if names == (None, None):
        raise UsageError(
            "which export is to come back?", fix="name it: --answers BATCH, as in labels/batches"
        )
    export = _export(root, names, options.answers)
    if export is None:
        raise UsageError(
            f"nothing went out under the name {options.batch}", fix="ls labels/batches; --answers BATCH"
        )
    task = chosen_task(labelling, options.task or export.task)
    delivery, digest = pull_batch(str(source), export.batch, labelling.tasks[task], read_people(root))
    batch = check_batch_name(options.batch or f"{export.batch}-studio-{digest[:6]}")
    return _Import(root, labelling, task, batch, export, options, digest, delivery, "label-studio")


@dataclass(frozen=True)
class _Import:
    """One delivery on its way."""

    root: Path
    labelling: Labelling
    task: str
    batch: str
    export: Manifest | None
    options: Options
    digest: str
    delivery: Delivery
    form: str

    def run(self, now: dt.datetime | None) -> Imported:
        delivery = self.delivery
        if not delivery.answers and not delivery.bad:
            raise BadDataError(
                f"no answers came back: {delivery.empty} items without one",
                fix="fill in `value`, or wait until somebody has answered",
            )
        manifest = read_manifest(self.root, self.batch) or Manifest(
            self.batch, self.task, answers=self.export.batch if self.export else None
        )
        if manifest.task != self.task:
            raise UsageError(
                f"{self.batch} is a batch of task {manifest.task}", fix="choose another name: --batch"
            )
        before = next((dict(each) for each in manifest.deliveries if each.get("sha256") == self.digest), None)
        received = str(before["time"]) if before else _moment(now or dt.datetime.now(dt.UTC))
        events = self._events(delivery, received)
        checks = judge(self.labelling.tasks[self.task], self._evidence(events))
        verdict: Decision = "accepted" if is_accepted(checks) else "rejected"
        reason = why_rejected(checks)
        if before and before["verdict"] != "rejected":
            verdict, reason = before["verdict"], before.get("reason", "")
            checks = tuple(Check(**each) for each in before.get("checks", ()))
        elif verdict == "rejected" and self.options.force is not None:
            verdict, reason = "forced", self.options.force
        again = before is not None and before["verdict"] == verdict
        taken = self._take(events, delivery, verdict, reason, now)
        result = Imported(
            batch=self.batch,
            task=self.task,
            answers=manifest.answers,
            verdict=verdict,
            reason=reason,
            checks=checks,
            taken=taken,
            annotators=dict(sorted(Counter(each.annotator for each in events).items())),
            empty=delivery.empty,
            bad=delivery.bad,
            again=again,
            manifest=manifest_path(self.root, self.batch).relative_to(self.root).as_posix(),
        )
        if not self.options.dry_run and not again:
            record = _record(result, self.digest, received)
            kept = tuple(each for each in manifest.deliveries if each.get("sha256") != self.digest)
            put_text(
                self.root / result.manifest,
                manifest_text(replace(manifest, deliveries=(*kept, record))),
                self.root,
            )
        return result

    def _take(
        self,
        events: Sequence[LabelEvent],
        delivery: Delivery,
        verdict: Decision,
        reason: str,
        now: dt.datetime | None,
    ) -> Taken:
        """Hand the events over to the rules for events, and what is none to what is refused."""
        came: list[LabelEvent | Mapping[str, Any]] = [*events, *map(asdict, delivery.bad)]
        mode: Mode = "try" if self.options.dry_run else "reject" if verdict == "rejected" else "take"
        moment = now.timestamp() if now else None
        done = take_batch(self.root, self.batch, came, mode=mode, reason=reason, now=moment)
        return Taken(
            came=len(events),
            accepted=done.accepted,
            have=done.have,
            held=done.held,
            refused=done.refused,
            told=done.told,
            examples=tuple(
                f"{each.rule}: item {each.item}: {each.why}" for each in done.examples if each.item
            ),
            notes=done.notes,
        )

    def _events(self, delivery: Delivery, received: str) -> tuple[LabelEvent, ...]:
        unnamed = [each for each in delivery.answers if not (self.options.annotator or each.annotator)]
        if unnamed:
            raise UsageError(
                f"{len(unnamed)} answers do not say who gave them, the first at {unnamed[0].place}",
                fix="fill the column `annotator`, or: --annotator PSEUDONYM",
            )
        said = {self.options.annotator or str(each.annotator) for each in delivery.answers}
        source = self.options.source or "person"
        names = pseudonyms(self.root, self.labelling, said, source=source, write=not self.options.dry_run)
        timeless = {each.item for each in delivery.answers if each.time is None}
        given = same_answers(self.root, self.task, timeless) if timeless else {}
        made = [
            self._event(each, names[self.options.annotator or str(each.annotator)], received)
            for each in delivery.answers
        ]
        if not given:
            return tuple(made)
        return tuple(
            replace(event, time=given.get(saying(vars(event)), event.time)) if answer.time is None else event
            for event, answer in zip(made, delivery.answers, strict=True)
        )

    def _event(self, answer: Answer, annotator: str, received: str) -> LabelEvent:
        items = self.export.items if self.export else {}
        exported = self.export.exported or {} if self.export else {}
        listed = self.labelling.annotators.get(annotator)
        return LabelEvent(
            item=answer.item,
            task=self.task,
            value=answer.value,
            annotator=annotator,
            time=answer.time or received,
            source=self.options.source or (listed.source if listed else "person"),
            role=self.options.role,
            content=items.get(answer.item, answer.content),
            confidence=answer.confidence,
            seconds=answer.seconds,
            guideline=answer.guideline or exported.get("guideline"),
            batch=self.batch,
            tool=self.form,
            supersedes=answer.supersedes,
            reason=answer.reason,
        )

    def _evidence(self, events: Sequence[LabelEvent]) -> Evidence:
        """Return what the delivery is judged by; a value that is no answer to the task counts as none."""
        task = self.labelling.tasks[self.task]
        items = {each.item for each in events}
        earlier = earlier_answers(self.root, self.task, self.labelling, items, self.batch)
        judged = [
            each if value_fault(task, each.value) is None else replace(each, value=None) for each in events
        ]
        exported = self.export.items if self.export else {}
        return Evidence(judged, exported, earlier.gold, earlier.votes, earlier.balance, self.options.partial)


def _export(root: Path, names: Sequence[str | None], wanted: str | None) -> Manifest | None:
    """Return the record of what went out, by the first of `names` that has one. Raises UsageError when `wanted` has none."""
    for name in filter(None, names):
        found = read_manifest(root, name)
        if found is not None and found.exported is None and found.answers:
            found = read_manifest(root, found.answers)
        if found is not None and found.exported is not None:
            return found
        if name == wanted:
            raise UsageError(f"nothing went out under the name {name}", fix="ls labels/batches")
    return None


def _record(result: Imported, digest: str, received: str) -> dict[str, Any]:
    checks = [
        {key: value for key, value in asdict(check).items() if value is not None} for check in result.checks
    ]
    return {
        "sha256": digest,
        "time": received,
        "verdict": result.verdict,
        "reason": result.reason,
        "answers": result.taken.came,
        "annotators": dict(result.annotators),
        "empty": result.empty,
        "unreadable": len(result.bad),
        "held": dict(result.taken.held),
        "refused": dict(result.taken.refused),
        "checks": checks,
    }


def _moment(when: dt.datetime) -> str:
    return when.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def _plain(name: str) -> str:
    kept = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "._-") else "_" for sign in name)
    return kept.strip("._-")[:100] or "delivery"
