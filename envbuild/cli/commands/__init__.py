"""One module per command: reads its options, calls one verb, prints the result. Bodies do the imports."""
