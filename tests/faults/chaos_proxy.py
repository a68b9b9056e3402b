"""Claimed by the test engineer (04:24): being written now."""
