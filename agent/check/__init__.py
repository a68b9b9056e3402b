"""`linegate check`: everything that can be known of a station without its hardware."""
