"""Labels as a loop in git: events, consensus, agreement, what to label next, deliveries, and how labels of two commits differ."""
