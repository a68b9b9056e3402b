"""The station's ZeroMQ endpoints: live results, replay, and the commands that it takes."""
