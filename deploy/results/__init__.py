"""results.json: the facts of a session, and what is read out of them: judged, compared, told.

Verdicts are never stored. In come files and records alone: no device, no network.
"""
