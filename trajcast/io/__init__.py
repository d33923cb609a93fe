"""Files: written whole or not at all, read with every check, and what is told while work goes on."""
