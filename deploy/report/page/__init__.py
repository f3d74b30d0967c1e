"""The report as one HTML page: templates, a style sheet and a script, all within the page."""
