"""A box's whole life: prices and power, ceilings, what was spent, what was left behind."""
