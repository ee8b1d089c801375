"""The program on the box: Python 3.8, standard library, imports nothing but itself."""
