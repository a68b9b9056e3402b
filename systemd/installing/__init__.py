"""What `systemd/install` does, by Python's own library alone: it runs before anything is installed."""
