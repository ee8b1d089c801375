"""Plain data that every other room uses: errors, targets, platforms, tags. Imports nothing of gpurig."""
