"""The record of every trigger: one SQLite file a station, written by one thread, read by whoever may."""
