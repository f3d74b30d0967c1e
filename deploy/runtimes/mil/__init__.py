"""A Core ML package, read as files and interpreted with torch: a proof that needs no Mac.

`program` parses the package into records, `ops` says what each operator computes, `evaluate` runs
the one through the other. It checks the program that the package holds, not Apple's kernels.
"""
