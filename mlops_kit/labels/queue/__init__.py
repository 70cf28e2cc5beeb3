"""What to label next: candidates, strategies, shares, and the file of the queue."""
