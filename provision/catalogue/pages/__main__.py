"""Write the pages of the catalogue; says which changed."""

from provision.catalogue.pages import write
from provision.catalogue.recipe import TEMPLATES, Catalogue

# The repository's own recipes and no others: $GPURIG_RECIPES is the user's.
for path in write(Catalogue(TEMPLATES / "recipes")):
    print(path)
