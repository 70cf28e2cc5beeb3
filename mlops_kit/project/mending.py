"""Mending what a check found: wrong content goes to quarantine, whole content comes from wherever it still is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from mlops_kit.artifacts.evidence import Evidence
from mlops_kit.artifacts.examine import WORK_TREE, FaultKind, Finding
from mlops_kit.artifacts.hashing import FileHash, hash_file
from mlops_kit.artifacts.inventory import Inventory, Recorded
from mlops_kit.artifacts.places import Place, Places, Remote, is_content, object_name
from mlops_kit.artifacts.remote_digests import get_objects
from mlops_kit.artifacts.remote_store import fetch_objects
from mlops_kit.artifacts.scope import Scope
from mlops_kit.artifacts.shelves import Shelf, open_shelf
from mlops_kit.artifacts.statcache import WORKPLACE
from mlops_kit.errors import MlopsKitError
from mlops_kit.outside.whole_files import unfinished
from mlops_kit.project.recompute import open_workshop, place_content

QUARANTINE = WORKPLACE / "quarantine"


@dataclass
class Mender:
    """Mends findings one by one and says what it did."""

    root: Path
    inventory: Inventory
    scope: Scope
    evidence: Evidence
    places: Places
    say: Callable[[str], None] = lambda line: None
    moved: list[str] = field(default_factory=list)
    """Files in quarantine now, below the root."""
    done: list[str] = field(default_factory=list)
    """What was mended, in words."""
    complaints: list[str] = field(default_factory=list)
    """What could not be mended, in words."""

    def mend(self, findings: Iterable[Finding]) -> None:
        """Mend what can be: first the cache, from which all the rest comes, then the work tree, then the remotes."""
        found = sorted(findings, key=lambda finding: finding.digest.endswith(".dir"))
        for finding in found:
            if self._may_move(finding):
                self._quarantine(Path(finding.file), finding)
        self._fill_cache(list(dict.fromkeys(digest for finding in found for digest in self._needed(finding))))
        for path in dict.fromkeys(out.path for f in found if (out := self._out(f)) is not None):
            self._work_tree(path)
        for remote in self.places.remotes:
            self._fill_remote(remote, [f for f in found if f.place == remote.name])

    def _may_move(self, finding: Finding) -> bool:
        """Return whether the file of a finding is wrong beyond doubt, and not a person's own work."""
        if finding.kind is FaultKind.MISSING or not finding.file:
            return False
        if finding.place == WORK_TREE:
            return self._out(finding) is not None
        if finding.kind is FaultKind.TWIN and finding.digest.endswith(".dir"):
            return False  # one of the folder's files is the twin, and nothing says which
        remote = self.places.remote(finding.place)
        return finding.place == self.places.cache.name or (remote is not None and remote.place is not None)

    def _out(self, finding: Finding) -> Recorded | None:
        """Return the output that a finding in the work tree belongs to, if a stage wrote it and the cache keeps it."""
        if finding.place != WORK_TREE or finding.stage not in self.inventory.stages:
            return None
        return next(
            (
                out
                for out in self.inventory.cached
                if finding.path == out.path or finding.path.startswith(f"{out.path}/")
            ),
            None,
        )

    def _needed(self, finding: Finding) -> list[str]:
        """Return the objects that the cache must have to mend a finding."""
        if finding.place != WORK_TREE:
            return [finding.digest]
        out = self._out(finding)
        if out is None:
            return []
        return [out.digest, *self.scope.folders.get(out.digest, {}).values()]

    def _quarantine(self, path: Path, finding: Finding) -> None:
        try:
            if path.is_dir():
                name = f"{finding.place.replace(' ', '-')}-{finding.digest}"
            else:
                name = f"{finding.place.replace(' ', '-')}-{finding.digest}-{hash_file(path).sha256[:12]}"
            target = self.root / QUARANTINE / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir():
                shutil.rmtree(target)  # the same folder as before: it was brought back and found wrong again
            shutil.move(path, target)
        except OSError as error:
            self.complaints.append(f"{path} cannot be moved to quarantine: {error.strerror}")
            return
        self.moved.append(target.relative_to(self.root).as_posix())

    def _fill_cache(self, digests: list[str]) -> None:
        """Bring objects into the cache: from the work tree, a remote, or by running the stage that wrote them."""
        left = [digest for digest in digests if not self._from_here(digest)]
        if left and any(remote.place is None for remote in self.places.remotes):
            self._download(left)
            left = [digest for digest in left if self._whole(self.places.cache, digest) is None]
        stages = dict.fromkeys(stage for digest in left for stage in self._writers(digest))
        if stages:
            self._run_again(list(stages))
        for digest in left:
            if self._whole(self.places.cache, digest) is None and not self._from_here(digest):
                label = self.scope.objects[digest].label if digest in self.scope.objects else digest
                self.complaints.append(f"{label} ({digest}) is whole nowhere")

    def _from_here(self, digest: str) -> bool:
        if self._whole(self.places.cache, digest) is not None:
            return True
        named = self.scope.objects.get(digest)
        candidates = [self.root / path for path in (named.paths if named else ())]
        if digest.endswith(".dir"):
            return self._listing_from_work_tree(digest, candidates) or self._from_remotes(digest)
        for path in candidates:
            if path.is_file() and self._is(path, digest):
                self._keep(path, digest, f"the work tree ({path.relative_to(self.root).as_posix()})")
                return True
        return self._from_remotes(digest)

    def _from_remotes(self, digest: str) -> bool:
        for remote in self.places.remotes:
            path = self._whole(remote.place, digest) if remote.place else None
            if path is not None:
                self._keep(path, digest, f"the remote {remote.name}")
                return True
        return False

    def _listing_from_work_tree(self, digest: str, candidates: Iterable[Path]) -> bool:
        import json

        from mlops_kit.artifacts.evidence import folder_files

        for folder in candidates:
            if not folder.is_dir():
                continue
            rows = [{"md5": hash_file(folder / name).md5, "relpath": name} for name in folder_files(folder)]
            text = json.dumps(rows, sort_keys=True)
            fresh = self.root / WORKPLACE / "listing.new"
            fresh.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(text, encoding="utf-8", newline="\n")
            if hash_file(fresh).md5 == digest.removesuffix(".dir"):
                self._keep(fresh, digest, f"the work tree ({folder.relative_to(self.root).as_posix()})")
                fresh.unlink()
                return True
            fresh.unlink()
        return False

    def _keep(self, source: Path, digest: str, origin: str) -> None:
        target = self.places.cache.home(digest)
        copy_object(source, target)
        self._tell(f"{self._label(digest)}: back in the cache from {origin}")

    def _download(self, digests: list[str]) -> None:
        came, complaint = fetch_objects(self.root, digests)
        for digest in sorted(came):
            path = self.places.cache.find(digest)
            if path is None or not self._is(path, digest):
                finding = Finding(FaultKind.TWIN, "remote", self._label(digest), digest, file=str(path))
                if path is not None:
                    self._quarantine(path, finding)
                continue
            self._tell(f"{self._label(digest)}: back in the cache from the remote")
        if complaint:
            self.complaints.append(f"the remote: {complaint}")

    def _run_again(self, stages: list[str]) -> None:
        """Run stages again from their recorded inputs; only a result with the recorded hash gets the recorded name."""

        def find(digest: str) -> Path | None:
            return self._whole(self.places.cache, digest) or next(
                (
                    path
                    for remote in self.places.remotes
                    if remote.place and (path := self._whole(remote.place, digest))
                ),
                None,
            )

        try:
            with open_workshop(self.root, None, find) as workshop:
                for stage in stages:
                    self.say(f"running stage `{stage}` again from its recorded inputs")
                    made = workshop.remake(stage)
                    if made.complaint:
                        self.complaints.append(made.complaint)
                    else:
                        self._tell(f"stage `{stage}` ran again and gave exactly what dvc.lock records")
        except MlopsKitError as error:
            self.complaints.append(error.message)

    def _writers(self, digest: str) -> list[str]:
        named = self.scope.objects.get(digest)
        return sorted(set(named.paths.values()) & set(self.inventory.stages)) if named else []

    def _work_tree(self, path: str) -> None:
        out = next(out for out in self.inventory.cached if out.path == path)

        def find(digest: str) -> Path | None:
            return self._whole(self.places.cache, digest)

        if place_content(out.digest, self.root / path, find):
            self._tell(f"{path}: as recorded again in the work tree")
        else:
            self.complaints.append(f"{path} could not be brought back into the work tree")

    def _fill_remote(self, remote: Remote, findings: list[Finding]) -> None:
        """Upload what the cache has whole, the listings of folders last: DVC takes a folder for complete when its listing is there."""
        files = {
            finding.digest: path
            for finding in findings
            if (path := self._whole(self.places.cache, finding.digest)) is not None
        }
        for finding in findings:
            if finding.digest not in files:
                self.complaints.append(
                    f"{finding.path} is whole nowhere, so the remote {remote.name} stays without it"
                )
        wrong = {f.digest for f in findings if f.kind is not FaultKind.MISSING} & set(files)
        try:
            with closing(open_shelf(self.root, remote)) as shelf:
                if remote.place is None:  # in a folder they have been moved away
                    self._keep_wrong(shelf, remote.name, sorted(wrong))
                for part in (False, True):
                    chosen = {object_name(d): d for d in files if d.endswith(".dir") is part}
                    sent = shelf.put({name: files[digest] for name, digest in chosen.items()})
                    for name in sorted(sent):
                        self._tell(f"{self._label(chosen[name])}: uploaded to {remote.name} again")
        except MlopsKitError as error:
            self.complaints.append(error.message)

    def _keep_wrong(self, shelf: Shelf, name: str, digests: list[str]) -> None:
        """Download wrong objects into quarantine before they are overwritten."""
        folder = self.root / QUARANTINE
        folder.mkdir(parents=True, exist_ok=True)
        for digest in get_objects(shelf, {d: folder / f"{name}-{d}" for d in digests}):
            self.moved.append((QUARANTINE / f"{name}-{digest}").as_posix())

    def _whole(self, place: Place, digest: str) -> Path | None:
        path = place.find(digest)
        return path if path is not None and self._is(path, digest) else None

    def _is(self, path: Path, digest: str) -> bool:
        try:
            found: FileHash = hash_file(path)
            named = self.scope.objects.get(digest)
            if named and named.sha256 and found.md5 == digest and found.sha256 != named.sha256:
                return False
            return is_content(path, found, digest)
        except OSError:
            return False

    def _label(self, digest: str) -> str:
        named = self.scope.objects.get(digest)
        return named.label if named else digest

    def _tell(self, line: str) -> None:
        self.done.append(line)
        self.say(line)


def copy_object(source: Path, target: Path) -> None:
    """Copy an object to its place in one step, read-only as DVC keeps it. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with unfinished(target) as fresh:
        shutil.copyfile(source, fresh)
        fresh.chmod(0o444)
        os.replace(fresh, target)  # noqa: PTH105 - the one call that also replaces on Windows
