"""The station as a service: installed, and under a real systemd."""
