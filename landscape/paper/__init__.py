"""What a paper takes over from reports: one table, and how its numbers were made."""
