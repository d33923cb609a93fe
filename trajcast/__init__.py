"""Force-free molecular dynamics: an equivariant network takes positions and velocities from t to t + horizon."""

__version__ = "0.1.0"
