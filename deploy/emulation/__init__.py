"""Processors of phones, emulated here: .pte files run on them, their instructions counted.

Knows no bundle: files and photos come in, answers and counts go out.
"""
