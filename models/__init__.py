"""The networks and what is known of them: pure torch and tables. Opens no files."""
