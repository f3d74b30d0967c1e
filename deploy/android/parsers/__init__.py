"""What phones and adb print, read: pure functions from text to a record, one file a family.

None of them raises, whatever the text is: it may be cut off, of another vendor or no answer at
all. What it does not tell is None or empty, never 0.
"""
