"""From the float program to the decisions of int8, and to the program that says them.

In come a Prepared network and its calibration photos; nothing here knows a format.
`int8.quantize` is the whole way, each step a file by its name in the field.
"""
