"""Write the pages of the catalogue; says which changed."""

from provision.catalogue.catalogue import Catalogue
from provision.catalogue.folders import TEMPLATES
from provision.pages import write

# The repository's own recipes and no others: $GPURIG_RECIPES is the user's.
for path in write(Catalogue(TEMPLATES / "recipes")):
    print(path)
