"""Meeting a customer's PLC: what is right and wrong with it (probe), and the acceptance run (accept)."""
