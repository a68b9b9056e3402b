"""`linegate doctor`: a station, its devices and its computer as they really are, a line each with its remedy.

One group of checks a file; `examination.py` has them in order. Nothing is changed, and what runs is not disturbed.
"""
