"""Checkpoint → one self-describing ONNX file, and the proof that it decides as the trained model does."""
