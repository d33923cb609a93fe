"""Cooling outside the training data: reference MD and rollouts along the same ramp, compared window by window."""
