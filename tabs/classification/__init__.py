from tabs.classification.tab import TEXT, build

__all__ = ["TEXT", "build"]
