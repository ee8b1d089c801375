"""`python -m gpurig`, where the programs are not on PATH."""

from gpurig.command import main

main()
