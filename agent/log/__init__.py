"""Log lines: what each says and of which part, how many of a kind, and where they go. None of them holds up a part."""
