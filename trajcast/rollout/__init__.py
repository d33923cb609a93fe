"""Roll-outs of a trained model."""
