"""Results in, a page out: ``index.html``, figures, tables, a summary. Never imports torch."""

from landscape.report.write import write_report

__all__ = ["write_report"]
