"""How labels of two commits differ: events, items and what is held to be true of them, annotators, batches, guidelines."""
