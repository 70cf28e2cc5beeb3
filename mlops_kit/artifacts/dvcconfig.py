"""Typed reader of .dvc/config: text in, frozen values out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class DvcConfig:
    """The parts of .dvc/config that say where content is."""

    cache_dir: str = "cache"
    """Folder of the cache; relative to .dvc."""
    remotes: Mapping[str, str] = field(default_factory=dict)
    """Remote name -> url; relative paths are relative to .dvc."""
    verify: frozenset[str] = frozenset()
    """Remotes whose downloads are checked."""
    default: str = ""
    """Remote that is used when none is named; empty when none is set."""
    versioned: frozenset[str] = frozenset()
    """Remotes that keep versions of files by path (`version_aware`, `worktree`) instead of objects."""
    links: tuple[str, ...] = ("reflink", "copy")
    """How files of the cache come into the work tree, the first that works."""
    shared: bool = False
    """Whether the cache is for a group of users."""
    autostage: bool = False
    """Whether what DVC writes is added to git's index."""
    plain: bool = False
    """Whether DVC works without git here."""


def read_config(*texts: str) -> DvcConfig:
    """Read .dvc/config and then .dvc/config.local, later ones winning."""
    if not any(text.strip() for text in texts):
        return DvcConfig()
    import configparser

    parser = configparser.ConfigParser(interpolation=None, strict=False)
    for text in texts:
        parser.read_string("\n".join(line.strip() for line in text.splitlines()))
    remotes: dict[str, str] = {}
    verify: set[str] = set()
    versioned: set[str] = set()
    for section in parser.sections():
        name = section.strip("'").removeprefix('remote "').rstrip('"')
        if section.strip("'").startswith('remote "'):
            remotes[name] = parser.get(section, "url", fallback="")
            if parser.getboolean(section, "verify", fallback=False):
                verify.add(name)
            if any(parser.getboolean(section, key, fallback=False) for key in ("version_aware", "worktree")):
                versioned.add(name)
    default = parser.get("core", "remote", fallback="")
    links = parser.get("cache", "type", fallback="")
    return DvcConfig(
        parser.get("cache", "dir", fallback="cache"),
        remotes,
        frozenset(verify),
        default,
        frozenset(versioned),
        tuple(kind.strip() for kind in links.strip("\"'").split(",")) if links else DvcConfig.links,
        parser.get("cache", "shared", fallback="") == "group",
        parser.getboolean("core", "autostage", fallback=False),
        parser.getboolean("core", "no_scm", fallback=False),
    )
