"""A page about a comparison: which domains lost most, and the windows and tokens that broke."""

from calibset.evaluation.page.page import page_html, write_page

__all__ = ["page_html", "write_page"]
