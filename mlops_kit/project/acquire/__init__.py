"""`mlops-kit acquire`: what is new at the sources of a project becomes partitions, a manifest, and a recorded stage."""
