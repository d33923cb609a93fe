"""What everything below rests on: units, states, mechanics, neighbours, devices, errors."""
