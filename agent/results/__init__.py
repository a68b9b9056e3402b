"""Results for other programs and for people: ZeroMQ on both ends, and the commands that a station takes."""
