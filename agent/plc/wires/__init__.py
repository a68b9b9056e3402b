"""How images travel between PLC and link: polled or served, TCP or RTU. Nothing here decides on a part."""
