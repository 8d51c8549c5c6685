from tabs.regression.tab import TEXT, build

__all__ = ["TEXT", "build"]
