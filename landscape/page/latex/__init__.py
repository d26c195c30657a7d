"""Tables as LaTeX: ASCII, booktabs, no wider than a paper's column or page."""
