"""The verbs of labelling: they write files, and know git."""
