"""The report of an ablation: HTML, Markdown, LaTeX, and the main figure for print."""

from slr_tune.report.ablation.page import ablation_page, write_report

__all__ = ["ablation_page", "write_report"]
