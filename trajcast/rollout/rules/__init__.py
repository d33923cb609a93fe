"""What acts on the state after each step of the network."""
