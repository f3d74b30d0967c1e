"""The gates, and putting a finished bundle to them: only its folder is read."""
