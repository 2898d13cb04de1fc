"""Word lists and what tells names from words, for the recognizers of names, places and organisations."""
