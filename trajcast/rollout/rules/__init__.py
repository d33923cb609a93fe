"""Operations on the state after each step of the network: removal of COM motion, guard, thermostats."""
