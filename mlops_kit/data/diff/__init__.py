"""What changed between two versions of a table: by key where there is one, row for row; out of core."""
