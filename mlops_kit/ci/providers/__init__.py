"""CI hosts: one module each, and this dict."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_kit.ci.providers import github
from mlops_kit.ci.providers._base import ChangeRequest, CiEvent, CommentRequest, Provider

PROVIDERS: dict[str, Provider] = {"github": github}

__all__ = ["PROVIDERS", "ChangeRequest", "CiEvent", "CommentRequest", "Provider", "detect_provider"]


def detect_provider(environment: Mapping[str, str]) -> Provider | None:
    """Return the host in whose job this process runs, None outside of CI."""
    return next((provider for provider in PROVIDERS.values() if provider.detect(environment)), None)
