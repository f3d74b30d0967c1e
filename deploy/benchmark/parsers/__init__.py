"""What Linux and runtimes write, read: functions from text to a record, none of which raises."""
