"""build: from a recipe to a proven bundle. In come all rooms above; out comes a folder."""
