"""Training outside a search: arms, stages, the workers, the store of trained runs, the teacher."""
