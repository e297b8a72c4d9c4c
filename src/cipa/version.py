"""The version, in a module that imports nothing, so that none that needs it imports the whole package."""

__version__ = "0.1.0"
