"""Placeholders such as ``{{POLICY_NUMBER}}`` and the values that replace them."""

from __future__ import annotations

import re
from zlib import crc32

from calibset.core.seeding import seeded_key

_PLACEHOLDER = re.compile(r"\{\{([^{}\n]{1,80})\}\}")

VALUES: dict[str, tuple[str, ...]] = {
    "ACCOUNT_SECTION": ("My Account", "My Profile", "Account Settings"),
    "ADDRESS": ("12 Example Street, Springfield", "48 Sample Road, Riverside"),
    "AGENT_NAME": ("Alex Morgan", "Jana Novak", "Sam Taylor"),
    "AMOUNT": ("$420", "$1,250", "$3,800"),
    "ANNUAL_DISCOUNT": ("3%", "5%", "8%"),
    "APPEAL_DEADLINE": ("31 March 2025", "15 June 2025", "30 September 2025"),
    "CANCELLATION_WINDOW": ("24 hours", "48 hours", "14 days"),
    "CLAIM_NUMBER": ("CL-204817", "CL-350926", "CL-771043"),
    "CLAIMS_SECTION": ("Claims", "My Claims", "Claims Center"),
    "COMPANY": ("Example Insurance", "Sample Mutual", "Demo Assurance"),
    "COMPANY_NAME": ("Example Insurance", "Sample Mutual", "Demo Assurance"),
    "COMPLAINT_NUMBER": ("CP-10482", "CP-23917", "CP-38650"),
    "CONDITIONS_EDITION": ("January 2025", "July 2024", "2025/1"),
    "COVERAGE_TYPE": (
        "comprehensive coverage",
        "collision coverage",
        "liability coverage",
        "extended coverage",
    ),
    "DATE": ("3 March 2025", "17 May 2025", "9 September 2025", "24 November 2025"),
    "DAYS": ("10", "14", "30"),
    "DISCOUNT": ("5%", "10%"),
    "EMAIL": ("support@example.com", "help@example.org", "service@example.net"),
    "FEE": ("$15", "$25"),
    "GRACE_PERIOD": ("15 days", "30 days"),
    "HOURS": ("Monday to Friday, 8 a.m. to 6 p.m.", "weekdays, 9 a.m. to 5 p.m."),
    "INSURANCE_TYPE": ("car", "home", "health", "life", "travel", "pet"),
    "INVOICE_NUMBER": ("INV-58213", "INV-60934", "INV-71108"),
    "LIMIT": ("$500", "$1,000", "$2,500"),
    "LINK_VALIDITY": ("15", "30", "60"),
    "LIVE_CHAT": ("example.com/chat", "example.org/live-chat"),
    "LIVE_CHAT_SUPPORT": ("example.com/chat", "example.org/live-chat"),
    "MOBILE_APP": ("mobile app", "My Insurance app"),
    "NAME": ("Alex Morgan", "Jana Novak", "Sam Taylor"),
    "NOTICE": ("six weeks", "30 days", "two months"),
    "NUMBER": ("48213", "60934", "71108"),
    "PAYMENT_METHOD": ("credit card", "bank transfer", "direct debit"),
    "PERIOD": ("30 days", "six weeks", "three months"),
    "PHONE_NUMBER": ("555-0100", "555-0127", "555-0164", "555-0199"),
    "POLICY_NUMBER": ("POL-402718", "POL-593160", "POL-816045"),
    "QUOTE_VALIDITY": ("14", "30", "60"),
    "RATE": ("70%", "80%", "90%"),
    "REFERENCE": ("REF-2048", "REF-5821", "REF-9034"),
    "TIME": ("five minutes", "ten minutes"),
    "TOWING_LIMIT": ("50 km", "100 km", "150 km"),
    "URL": ("www.example.com", "www.example.org", "www.example.net"),
    "YEAR": ("2015", "2018", "2021"),
}
"""Made-up values by name, or by the end of longer names (``EMAIL`` for ``CUSTOMER_SUPPORT_EMAIL``)."""


def similarity_key(text: str) -> str:
    """Return a key that two texts share the more probably, the more runs of three words they share.

    So texts that repeat each other, exactly or nearly, get the same values and are still recognised as
    duplicates (min-wise hashing: Broder, "On the resemblance and containment of documents", 1997).

    Examples:
        >>> similarity_key("I want to file a claim today") == similarity_key("I want to file a claim now")
        True
    """
    words = [word.encode("utf-8", "surrogatepass") for word in text.casefold().split()]
    runs = zip(words, words[1:], words[2:], strict=False) if len(words) > 3 else [words]
    return str(min(map(crc32, map(b" ".join, runs))))


def fill_placeholders(text: str, key: str) -> str:
    """Replace the placeholders of a text with values, the same for the same key and name.

    Unknown names become their words in lower case; a placeholder that never closes stays.

    Args:
        text: Any text.
        key: The key that selects the values, such as the `similarity_key` of a row.

    Examples:
        >>> text = "Call {{SUPPORT_PHONE_NUMBER}}, see {{ Website Url }} ({{PET BREED}}, {{DATE"
        >>> fill_placeholders(text, "a.csv#1")
        'Call 555-0127, see www.example.com (pet breed, {{DATE'
    """
    return _PLACEHOLDER.sub(lambda match: _draw_value(match[1], key) or match[0], text)


def _draw_value(name: str, key: str) -> str:
    words = re.sub(r"[\W_]+", " ", name).split()
    whole_name = "_".join(words).upper()
    for start in range(len(words)):
        if values := VALUES.get("_".join(words[start:]).upper()):
            return values[int.from_bytes(seeded_key(0, key, whole_name), "big") % len(values)]
    return " ".join(words).lower()
