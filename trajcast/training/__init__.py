"""Training: loss, optimizers, schedule, and the training loop."""
