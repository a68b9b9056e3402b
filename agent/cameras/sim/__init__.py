"""A GigE Vision camera that is real at the wire: it shows what lies on the simulated belt."""
