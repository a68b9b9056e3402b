"""`linegate support-bundle`: what somebody far away needs to see of a station, in one archive without secrets."""
