"""What a user may configure, and the rules that it must keep."""
