"""Our own runner of .pte blocks in C++: its sources, and compiling them. Knows no bundle."""
