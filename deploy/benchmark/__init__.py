"""Sessions of blocks on any device, and this computer as one of them.

In come bundles, what was asked for and devices; out come results. Nothing here knows of adb.
"""
