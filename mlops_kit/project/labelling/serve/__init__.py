"""`mlops-kit label serve`: a page on this machine for people who label, and the events that come of it."""
