"""A station without a PLC: it announces its parts itself; verdicts go to journal and subscribers alone."""
