"""Another model for a running station: tried out, swapped in between two parts, on trial, and back again if need be."""
