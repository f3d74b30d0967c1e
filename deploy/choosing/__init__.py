"""choose: many networks built, measured and compared, and one of them recommended.

In come a grid of variants and limits; out come bundles and choice.json. What is found of one
bundle is asked of the rooms above; only what takes several stands here.
"""
