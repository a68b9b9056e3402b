"""`linegate bench`: what the deadline path, tiling and the record cost on this computer."""
