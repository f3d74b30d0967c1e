"""What Linux and runtimes write, read: pure functions from text to a record; none of them raises."""
