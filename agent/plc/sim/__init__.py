"""The simulated line: a PLC that is real at the wire, with belt, photo-eye, camera and reject arm."""
