"""The PLC link: one register table, a pure handshake on each side, and Modbus between them."""
