"""Operations on the state after each step of the network: guard, removal of COM motion, thermostats."""
