"""Linegate's agent: the daemon that inspects every part and lets only proven-good parts pass."""
