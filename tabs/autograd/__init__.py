from tabs.autograd.tab import CSS, TEXT, build

__all__ = ["CSS", "TEXT", "build"]
