"""Commands for whoever puts a camera into service: list, snap, live, calibrate, record."""
