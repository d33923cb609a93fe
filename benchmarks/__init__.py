"""How fast the network is, measured on the machine at hand; see README.md. Not part of the installed package."""
