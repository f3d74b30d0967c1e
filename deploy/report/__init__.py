"""report: what other commands found, as one page that opens from disk, pictures, or Markdown.

In come files alone: choice.json, bundles, results.json, what `compare` and `diff` print with
--json. Nothing is measured here, and no torch is needed. `sources` finds and reads, `gather` puts
together, `pictures` draws, `page` and `markdown` write.
"""
