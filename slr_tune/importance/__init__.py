"""Which parameter matters: from a model of all trials at all rungs, with its uncertainty."""
