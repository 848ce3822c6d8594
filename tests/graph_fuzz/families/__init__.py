"""Every file of this folder adds its families to the table."""
import importlib
import os

for name in sorted(os.listdir(os.path.dirname(__file__))):
    if name.endswith(".py") and name != "__init__.py":
        importlib.import_module("families." + name[:-3])
