"""Who runs the trials of a search: this process, others of this machine, a Ray cluster, machines elsewhere."""
