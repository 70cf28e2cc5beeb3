"""Asking people: which items, in which order, and who has answered which."""
