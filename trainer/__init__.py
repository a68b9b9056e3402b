"""The training pipeline: load, split, train, evaluate. Never imported by the agent."""
