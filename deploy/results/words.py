"""What reports call an arm, and what they say of a sign: in the words that people read."""

from __future__ import annotations

from deploy.results.records import Arm, CountedArm
from deploy.statistics import Sign
from deploy.statistics.sustained import Stretch


def describe_sign(sign: Sign) -> str:
    """A sign in words: its figure, and what helps."""
    percent = f"{100 * sign.figure:.0f} %"
    share = f"{100 * (sign.share or 0):.0f} %"
    blocks = "some blocks take"
    texts = {
        "too few rounds": f"too few rounds, {sign.figure:.0f}; give --rounds 6 or more",
        "throttled": f"throttled: {blocks} {percent} more or less time; let it cool and rest",
        "odd blocks": f"odd blocks: few take {percent} more or less time; they hardly move p50",
        "coarse clock": f"coarse clock: its steps are {percent} of p50; no less can be told",
        "two levels": f"two levels: {share} of the time {percent} slower, as of other cores",
        "drifting": f"drifting: {percent} from the first block to the last",
        "unstable": f"unstable: blocks spread by {percent}; close other programs, add --rounds",
        "spikes": f"spikes: {percent} of the samples; close other programs",
        "clocks lowered": f"throttled: a clock was lowered by {percent}; give a lower --cool-below",
        "hot": f"hot: thermal status {sign.figure:.0f}; give a lower --cool-below",
        "never cooled": f"hot: {sign.figure:.0f} blocks began too warm; give more --cool-timeout",
    }
    return texts[sign.kind]


def arm_label(arm: Arm) -> str:
    """Such as "onnx-int8, 2 threads, cores big"."""
    key = arm.key
    threads = [] if key.threads is None else [threads_text(key.threads)]
    cores = [f"cores {key.cores}"] if key.cores else []
    return ", ".join([artifact_label(arm), *threads, *cores])


def artifact_label(arm: Arm | CountedArm) -> str:
    """Such as "onnx-int8", or "onnx-int8 (pixels)"."""
    taken = arm.input if isinstance(arm, CountedArm) else arm.key.input
    return arm.artifact + (" (pixels)" if taken == "pixels" else "")


def threads_text(threads: int | None) -> str:
    """A number of threads in words.

    >>> threads_text(1), threads_text(4), threads_text(0)
    ('1 thread', '4 threads', 'default threads')
    """
    return f"{threads or 'default'} thread{'' if threads == 1 else 's'}"


def duration(seconds: float) -> str:
    """In words, as finely as a guess is worth.

    >>> duration(8.2), duration(43.0), duration(240.0), duration(5400.0), duration(90.0)
    ('8 s', '43 s', '4 min', '1.5 h', '1.5 min')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    value, unit = (seconds / 60, "min") if seconds < 3600 else (seconds / 3600, "h")
    text = f"{value:.1f}" if value < 10 else f"{value:.0f}"
    return f"{text.removesuffix('.0')} {unit}"


def clock_time(seconds: float) -> str:
    """
    >>> clock_time(41.2), clock_time(600)
    ('0:41', '10:00')
    """
    return f"{seconds // 60:.0f}:{int(seconds % 60):02d}"


def describe_stretch(stretch: Stretch) -> str:
    """Where a stretch without pauses begins, when it turns, and where it ends."""
    begins, ends = (level.value / 1e6 for level in (stretch.burst, stretch.sustained))
    longer = f"{100 * stretch.fall.value:.0f} %"
    if stretch.turn is None:
        return f"without pauses it holds its level: {begins:.3g} ms, at the end {ends:.3g}"
    turn = stretch.turn
    return (
        f"begins at {begins:.3g} ms, slows down after {clock_time(turn.at_s)} "
        f"({clock_time(turn.earliest_s)} to {clock_time(turn.latest_s)} minutes), ends at "
        f"{ends:.3g} ms: {longer} more time"
    )
