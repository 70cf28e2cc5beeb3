"""Where the files of labelling live, relative to the project, with forward slashes."""

from __future__ import annotations

FOLDER = "labels"
EVENTS = "labels/events"
"""Accepted events, one file for each batch; the truth."""
HELD = "labels/held"
"""Events that wait for somebody's decision, one file for each batch, each line with the reason."""
REFUSED = "labels/refused"
"""What came and can be no event, and batches that were not accepted, with the reason."""
BATCHES = "labels/batches"
"""One JSON file for each batch that was exported or imported: hashes, counts, verdict."""
QUEUE = "labels/queue"
"""What to label next, one file for each task."""
PEOPLE = "labels/people.yaml"
"""Pseudonym -> name; never in git."""
