"""What pages are made of: tables, numbers, figures, sections. Below the analyses; no torch."""
