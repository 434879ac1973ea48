"""The report on a calibration file: a page with its contents, its sources and each of its rows."""

from __future__ import annotations

from calibset.dataset.report.page import report_html, report_path, write_report

__all__ = ["report_html", "report_path", "write_report"]
