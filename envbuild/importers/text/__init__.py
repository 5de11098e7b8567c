"""What every importer reads with: bytes within limits, structured files with lines, comments, shell text."""
