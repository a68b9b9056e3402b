"""One device family a file, each a `Driver`; they do not know each other, nor triggers and parts."""
