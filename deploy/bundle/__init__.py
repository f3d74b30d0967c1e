"""The bundle: one folder with everything that an app needs, and the proof that it is right."""
