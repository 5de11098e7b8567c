"""Dead ends mended with a word: names that no longer work → what does."""
