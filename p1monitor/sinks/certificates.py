"""What a certificate that is refused says about this host's clock. Words only; never opens a connection."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

#: OpenSSL's codes (x509_vfy.h) of a certificate that is refused for its dates alone.
_DATES: Mapping[int, str] = {9: "is not valid yet", 10: "has expired"}


def by_date(error: BaseException | None) -> str | None:
    """One half-sentence where the reason, or what caused it, is a date; None for any other.

    It says nothing that changes, so that it is logged once however long it takes until the clock is set.
    """
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _DATES:
            why = _DATES[error.verify_code]
            return f"shows a certificate that {why}, by the clock of this host: is the clock wrong (`date` tells)?"
        error = error.__cause__ or error.__context__
    return None
