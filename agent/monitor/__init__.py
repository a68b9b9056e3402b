"""Whether the station still sees what it was set up for, and its figures for whoever keeps watch over many."""
