"""Phones behind adb, as devices of the benchmark: reached, asked, given blocks to run."""
