"""What a shift has made, from the journal: yield, defects, where they lie, latencies, trend."""
