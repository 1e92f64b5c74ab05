"""Training outside a search: jobs, stages, the pool of workers, the teacher."""
