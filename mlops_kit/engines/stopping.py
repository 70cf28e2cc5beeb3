"""Signals while a pipeline runs: noted when they come, acted upon between two steps, so that nothing is left half done."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_HEARD = ("SIGINT", "SIGTERM", "SIGHUP")


class Stopping:
    """While the block lasts, the first signal is noted; a second Ctrl-C is a KeyboardInterrupt at once."""

    def __init__(self) -> None:
        self.number = 0
        """The signal that came; 0 for none."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stopping:
        if threading.current_thread() is not threading.main_thread():
            return self
        for name in _HEARD:
            number = getattr(signal, name, None)
            # What whoever started us has set to be ignored (nohup) stays so.
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        if self.number == number == signal.SIGINT:
            raise KeyboardInterrupt
        self.number = self.number or number

    def act(self) -> None:
        """End this program as the signal asks for, with the exit code that shells give it; nothing when none came."""
        if self.number == signal.SIGINT:
            raise KeyboardInterrupt
        if self.number:
            raise SystemExit(128 + self.number)
