"""The reject arm where Linegate moves it itself, and the sensor that sees what was rejected. Pure but for opening."""
