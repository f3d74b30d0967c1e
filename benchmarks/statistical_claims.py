"""What `deploy.statistics` claims of itself: trials on synthetic devices that come out or do not.

measuring.py runs each 2000 times, tests/statistics/test_claims.py fewer.
"""

from __future__ import annotations

from claims_of_comparisons import APART, COARSE, DIFFERENT, IDENTICAL
from claims_of_intervals import COVERED, OF_ITS_SESSION
from claims_of_stability import SIGNS, VOID, WITHOUT_PAUSES

SORTS = (
    IDENTICAL,
    APART,
    DIFFERENT,
    COARSE,
    COVERED,
    OF_ITS_SESSION,
    SIGNS,
    VOID,
    WITHOUT_PAUSES,
)
CLAIMS = [claim for sort in SORTS for claim in sort]
