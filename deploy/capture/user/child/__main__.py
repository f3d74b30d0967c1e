"""python -P child/__main__.py FOLDER: see `run.main`.

Loads the package around it under a name that no module of the user's has, from its own place.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

NAME = "_mobile_deploy_child"

if __name__ == "__main__":
    here = Path(__file__).parent
    spec = importlib.util.spec_from_file_location(
        NAME, here / "__init__.py", submodule_search_locations=[str(here)]
    )
    assert spec is not None
    sys.modules[NAME] = importlib.util.module_from_spec(spec)
    importlib.import_module(f"{NAME}.run").main(Path(sys.argv[1]))
