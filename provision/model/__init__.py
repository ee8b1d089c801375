"""Plain data that every other room uses: errors, targets, platforms. Imports nothing of gpurig."""
