"""From votes to one answer for each item, with how sure it is and where it comes from."""
