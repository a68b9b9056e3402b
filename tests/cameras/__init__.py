"""The camera: drivers, triggers, binding, calibration."""
