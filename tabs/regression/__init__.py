from tabs.regression.tab import CSS, TEXT, build

__all__ = ["CSS", "TEXT", "build"]
