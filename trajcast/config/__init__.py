"""Configuration: its sections, and the rules that they must follow."""
