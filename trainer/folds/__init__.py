"""Cross-validation by physical tile: a training for each fold, and what they say together."""
