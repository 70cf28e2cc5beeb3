"""scikit-learn models as skops files whose bytes depend on the fitted values alone.

skops (0.16) writes memory addresses into `schema.json` and into its member names, and the time into the zip. Here addresses are
replaced by numbers in the order in which they first appear, and the zip is written canonically; `skops.io.load` reads the result.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from mlops_kit.artifacts.canonical.archives import zip_bytes
from mlops_kit.errors import BadDataError

SCHEMA = "schema.json"

# Types of scikit-learn that skops does not trust by itself because their arrays are used as indices unchecked. A model written
# by our own stage is loaded from a file whose hash DVC recorded; nothing else is ever trusted.
TRUSTED_TYPES = (
    "numpy.dtype",
    "sklearn._loss.link.HalfLogitLink",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogLink",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.AbsoluteError",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfGammaLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn._loss.loss.HalfPoissonLoss",
    "sklearn._loss.loss.HalfSquaredError",
    "sklearn._loss.loss.PinballLoss",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.tree._tree.Tree",
)


def dump_model(model: Any) -> bytes:
    """Return a fitted scikit-learn estimator as a skops file.

    Raises BadDataError when the estimator holds a type that could not be loaded back safely (a lambda, a class of your own).
    """
    import skops.io as sio

    raw: bytes = sio.dumps(model)
    unsafe = sorted(set(sio.get_untrusted_types(data=raw)) - set(TRUSTED_TYPES))
    if unsafe:
        raise BadDataError(
            f"the model holds types that cannot be loaded safely: {', '.join(unsafe)}",
            fix="use scikit-learn's own transformers instead of functions and classes of your own",
        )
    return canonicalize_skops(raw)


def load_model(data: bytes) -> Any:
    """Return the estimator in the skops file `data`. Raises BadDataError when it holds a type outside TRUSTED_TYPES or is damaged."""
    import skops.io as sio
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return sio.loads(data, trusted=list(TRUSTED_TYPES))
    except (UntrustedTypesFoundException, zipfile.BadZipFile, KeyError) as error:
        raise BadDataError(f"not a model that may be loaded: {error}", fix="mlops-kit run train") from error


def canonicalize_skops(raw: bytes) -> bytes:
    """Return the skops file `raw` with addresses renumbered, members renamed and dates fixed."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members.pop(SCHEMA))
    _order_sets(schema, members)
    numbers: dict[str, str] = {}
    schema = _renumber(schema, numbers)
    renamed = {_rename(name, numbers): content for name, content in members.items()}
    renamed[SCHEMA] = json.dumps(schema, indent=1).encode()
    return zip_bytes(renamed)


def _renumber(node: Any, numbers: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_renumber(item, numbers) for item in node]
    if not isinstance(node, dict):
        return node
    result: dict[str, Any] = {}
    for key, value in node.items():
        if key == "__id__":
            result[key] = int(numbers.setdefault(str(value), str(len(numbers) + 1)))
        elif key == "file" and isinstance(value, str):
            result[key] = _rename(value, numbers)
        else:
            result[key] = _renumber(value, numbers)
    if result.get("__loader__") == "JsonNode":
        # Python shares small numbers and some strings, which ones depends on the process. A loader returns the first object
        # of a number, so each plain value gets a number of its own.
        result["__id__"] = int(numbers.setdefault(f"plain {len(numbers)}", str(len(numbers) + 1)))
    if result.get("__class__") == "_BinMapper":
        _fix_plain(result, "n_threads", "1")
    if str(result.get("__module__")).startswith("sklearn.feature_extraction."):
        _fix_plain(result, "_stop_words_id", "0")
    return result


def _fix_plain(node: dict[str, Any], name: str, content: str) -> None:
    """Set what an estimator keeps of the process that fitted it: the number of threads, the address of its stop words.

    Neither is part of the model. No object lives at 0, so a vectorizer checks its stop words once more, as it does after every load.
    """
    attributes = (node.get("content") or {}).get("content")
    if isinstance(attributes, dict) and name in attributes:
        attributes[name]["content"] = content


def _order_sets(node: Any, members: Mapping[str, bytes]) -> None:
    """Give the sets below `node` an order; skops writes their items in that of the hash seed."""
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _order_sets(child, members)
    if not isinstance(node, dict):
        return
    if node.get("__loader__") == "SetNode":
        node["content"].sort(key=lambda item: _sort_key(item, members))
    elif node.get("__class__") == "frozenset" and node.get("__loader__") == "ConstructorFromReduceNode":
        for argument in node["content"]["content"]:
            argument["content"].sort(key=lambda item: _sort_key(item, members))


def _sort_key(node: Any, members: Mapping[str, bytes]) -> str:
    """Return a text that depends on the value of a node alone: without addresses, with contents instead of file names."""
    if isinstance(node, list):
        return f"[{','.join(_sort_key(item, members) for item in node)}]"
    if not isinstance(node, dict):
        return repr(node)
    parts = {
        key: hashlib.sha256(members[item]).hexdigest()
        if key == "file" and item in members
        else _sort_key(item, members)
        for key, item in node.items()
        if key != "__id__"
    }
    return repr(sorted(parts.items()))


def _rename(name: str, numbers: dict[str, str]) -> str:
    path = PurePosixPath(name)
    number = numbers.setdefault(path.stem, str(len(numbers) + 1))
    return f"{number}{path.suffix}"
