"""How fast gpurig is, beside plain ssh in the same run. Machines are noisy: read the ratios."""
