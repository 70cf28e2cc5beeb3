"""Adopting an existing repository: look around, understand, plan new files, add them; nothing of the user's is touched."""
