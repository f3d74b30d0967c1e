"""What measured times say, and what they cannot say: pure functions over arrays, numpy only.

An arm is a list of blocks in the order they ran. Samples of a block depend on each other and share
the block's own effect, so every interval and every test here counts blocks, never samples. The
same times always give the same figures: none is drawn at random. benchmarks/measuring.py proves
what is claimed here, on devices whose truth is known.
"""

from deploy.statistics.block import Blocks, TimedBlock
from deploy.statistics.comparison import (
    Advice,
    Comparison,
    Verdict,
    compare_apart,
    compare_interleaved,
)
from deploy.statistics.intervals import Interval, quantile_interval
from deploy.statistics.quantiles import enough_for, median, quantile, smallest_sample
from deploy.statistics.recommend import recommend
from deploy.statistics.stability import (
    Sign,
    SignKind,
    clocks_lowered,
    heated,
    never_cooled,
    signs_in_times,
)
from deploy.statistics.summary import (
    Estimate,
    LatencySummary,
    SessionSpread,
    session_spread,
    summarize_times,
)

__all__ = [
    "Advice",
    "Blocks",
    "Comparison",
    "Estimate",
    "Interval",
    "LatencySummary",
    "SessionSpread",
    "Sign",
    "SignKind",
    "TimedBlock",
    "Verdict",
    "clocks_lowered",
    "compare_apart",
    "compare_interleaved",
    "enough_for",
    "heated",
    "median",
    "never_cooled",
    "quantile",
    "quantile_interval",
    "recommend",
    "session_spread",
    "signs_in_times",
    "smallest_sample",
    "summarize_times",
]
