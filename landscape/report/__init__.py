"""Results in, a page out: ``index.html``, figures, tables, a summary. Never imports torch."""

from landscape.report.sections.verdict import Judgement
from landscape.report.write import write_report

__all__ = ["Judgement", "write_report"]
