"""`mlops-kit reproduce`: every stage of a commit again, in a clean clone, from its recorded inputs, and what came out compared."""
