"""Cooling outside of the training data: reference MD and roll-outs along the same ramp, compared window by window."""
