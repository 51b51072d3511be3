"""The half of the verification that runs beside the target's code: numpy and the standard library only."""
