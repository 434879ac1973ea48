"""A calibration file as a page: what is in it, where it comes from, and each of its rows."""

from __future__ import annotations

from calibset.dataset.report.page import report_html, report_path, write_report

__all__ = ["report_html", "report_path", "write_report"]
