"""What the package costs beside what its users would otherwise run: see ``README.md`` here."""
