"""`linegate watch`: a station's results and state, for a person or as JSON."""
