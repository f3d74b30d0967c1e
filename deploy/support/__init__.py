"""What every room may use, knowing none: errors, hashes, printing, child processes."""
