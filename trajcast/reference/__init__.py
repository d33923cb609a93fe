"""Reference MD: its systems, potentials and engines, the run protocol, and checks of the finished runs."""
